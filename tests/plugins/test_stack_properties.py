"""Stacks drawn at random, changed in random order, on many families: at every step the sum, at the end the base."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from desktop.api import Lora
from loader_kit.adapter_stack import AdapterStack
from loader_kit.matching import linear_sizes
from tests.plugins.families import FAMILIES, make_family, targets

TOLERANCE = 1e-5
"""Relative error of a module's difference from the base, float32 against float64: some hundred roundings."""
IDS = torch.tensor([[3, 17, 42, 5, 90]])

Drawn = dict[str, object]
WEIGHTS = st.sampled_from([-1.5, -0.3, 0.0, 0.7, 1.0, 2.0])


@st.composite
def adapters(draw, names: tuple[str, ...]):
    """What one adapter is: its modules with their ranks, its alpha, whether it is rsLoRA."""
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=6, unique=True))
    rank = draw(st.integers(1, 9))
    special = draw(st.sampled_from([None, *chosen]))
    return {
        "modules": tuple(chosen),
        "rank": rank,
        "pattern": {special: draw(st.integers(1, 12))} if special else {},
        "alpha": draw(st.sampled_from([1, 8, 16])),
        "rslora": draw(st.booleans()),
        "seed": draw(st.integers(0, 10**6)),
    }


def write(folder: Path, drawn: Drawn, modules: dict[str, torch.nn.Module]) -> dict[str, torch.Tensor]:
    """The adapter on disk as PEFT writes it; what it adds to each module's weight at weight 1, in float64."""
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(drawn["seed"])
    tensors, deltas = {}, {}
    for name in drawn["modules"]:
        wide, out = linear_sizes(modules[name])
        rank = drawn["pattern"].get(name, drawn["rank"])
        a, b = torch.randn(rank, wide, generator=generator) / 8, torch.randn(out, rank, generator=generator) / 4
        if isinstance(modules[name], torch.nn.Embedding):
            tensors |= {f"base_model.model.{name}.lora_embedding_A": a, f"base_model.model.{name}.lora_embedding_B": b}
        else:
            tensors |= {f"base_model.model.{name}.lora_A.weight": a, f"base_model.model.{name}.lora_B.weight": b}
        scaling = drawn["alpha"] / (math.sqrt(rank) if drawn["rslora"] else rank)
        deltas[name] = scaling * (b.double() @ a.double())
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA", "r": drawn["rank"], "lora_alpha": drawn["alpha"], "use_rslora": drawn["rslora"],
        "rank_pattern": {name.replace(".", r"\."): rank for name, rank in drawn["pattern"].items()},
        "target_modules": sorted(drawn["modules"]), "bias": "none",
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return deltas


@st.composite
def stories(draw, names: tuple[str, ...]):
    """Some adapters, and stacks of them one after the other, each a list of (which, weight, on)."""
    pool = draw(st.lists(adapters(names), min_size=1, max_size=4))
    row = st.tuples(st.integers(0, len(pool) - 1), WEIGHTS, st.booleans())
    stacks = [draw(st.lists(row, max_size=6, unique_by=lambda drawn: drawn[0]))]
    for _ in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            stacks.append(draw(st.lists(row, max_size=6, unique_by=lambda drawn: drawn[0])))
        else:
            # The same rows at other weights, or switched on and off: what a slider and a tick do.
            stacks.append([(which, draw(WEIGHTS), draw(st.booleans())) for which, _, _ in stacks[-1]])
    return pool, stacks


def check_modules(modules, bases, rows, deltas) -> None:
    """Each module's y - base(x), on the same input, against the formula in float64; `bases` has the same modules with
    the base's weights."""
    for name, module in modules.items():
        base = bases[name]
        wanted = sum(row.effective_weight * deltas[row.path][name] for row in rows if name in deltas[row.path])
        wide, out = linear_sizes(module)
        if isinstance(module, torch.nn.Embedding):
            x = torch.arange(7)
            # Gemma multiplies its embedding by this, and so what is added to it.
            wanted = wanted * float(getattr(module, "embed_scale", 1.0))
            exact = wanted[:, :7].T if isinstance(wanted, torch.Tensor) else torch.zeros(7, out, dtype=torch.float64)
        else:
            x = torch.randn(3, wide, generator=torch.Generator().manual_seed(1))
            exact = x.double() @ wanted.T if isinstance(wanted, torch.Tensor) else torch.zeros(3, out).double()
        with torch.no_grad():
            got = module(x).double() - base(x).double()
        if not rows or not any(row.effective_weight and name in deltas[row.path] for row in rows):
            assert torch.equal(got, torch.zeros_like(got)), name
            continue
        # The base's own output is rounded too, and its rounding is of the size of the output, not of the difference.
        size = max(exact.abs().max().item(), base(x).abs().max().item(), 1e-6)
        assert (got - exact).abs().max().item() <= TOLERANCE * size, name


@pytest.fixture(scope="module")
def made():
    """One model of each family, made when it is first wanted."""
    models = {}

    def make(family):
        if family not in models:
            models[family] = make_family(family)
        return models[family]

    return make


def tell(model, folder: Path, data) -> None:
    """One story on one model: at every step the sum, and the base to the bit when nothing acts."""
    modules = targets(model)
    bases = targets(copy.deepcopy(model))
    with torch.no_grad():
        base = model(IDS).logits
    pool, stacks = data.draw(stories(tuple(modules)))
    deltas = {}
    for number, drawn in enumerate(pool):
        path = folder / f"adapter.{number} é"
        deltas[str(path)] = write(path, drawn, modules)
    paths = list(deltas)
    stack = AdapterStack(model)
    try:
        for wanted in stacks:
            stack.set_mode(data.draw(st.sampled_from(["exact", "folded"])))
            rows = [Lora(id=f"r{i}", name=f"r{i}", path=paths[i], weight=w, enabled=on) for i, w, on in wanted]
            receipts = stack.replace(rows)
            assert [receipt.id for receipt in receipts] == [row.id for row in rows]
            check_modules(modules, bases, rows, deltas)
            if not any(row.effective_weight for row in rows):
                with torch.no_grad():
                    assert torch.equal(model(IDS).logits, base)
            if data.draw(st.booleans()):
                stack.set_mode("exact")
                check_modules(modules, bases, rows, deltas)
    finally:
        stack.replace([])
        stack.set_mode("exact")
    with torch.no_grad():
        assert torch.equal(model(IDS).logits, base)
    assert not any("forward" in module.__dict__ for module in model.modules())


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.parametrize("family", FAMILIES)
def test_any_stacks_in_any_order(family, made, tmp_path_factory):
    @settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=QUIET)
    @given(st.data())
    def check(data):
        tell(made(family), tmp_path_factory.mktemp("stack"), data)

    check()


@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
def test_many_stacks_in_any_order(family, made, tmp_path_factory):
    @settings(max_examples=150, deadline=None, suppress_health_check=QUIET)
    @given(st.data())
    def check(data):
        tell(made(family), tmp_path_factory.mktemp("stack"), data)

    check()


def test_the_result_depends_on_the_stack_and_not_on_its_history(made, tmp_path):
    model = made("llama")
    modules = targets(model)
    names = tuple(name for name in modules if "layers" in name)
    drawn = {"modules": names, "pattern": {}, "alpha": 8, "rslora": False}
    for number, rank in enumerate((4, 7, 2)):
        write(tmp_path / str(number), {**drawn, "rank": rank, "seed": number}, modules)
    rows = [Lora(id=f"r{i}", name=f"r{i}", path=str(tmp_path / str(i)), weight=0.6) for i in range(3)]
    stack = AdapterStack(model)

    def logits():
        with torch.no_grad():
            return model(IDS).logits

    stack.replace(rows)
    straight = logits()
    stack.replace([])
    stack.replace([rows[2]])
    stack.replace([rows[2], rows[0]])
    stack.replace([msgspec.structs.replace(rows[0], enabled=False), rows[1]])
    stack.replace(rows)
    assert torch.equal(logits(), straight)
    stack.replace([rows[0], msgspec.structs.replace(rows[1], weight=0.0), rows[2]])
    without = logits()
    stack.replace([])
    stack.replace([rows[0], rows[2]])
    assert torch.equal(logits(), without)
    stack.replace([])
