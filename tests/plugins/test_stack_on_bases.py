"""Stacks on bases in bfloat16, 8 and 4 bits, of many families: as near to PEFT as PEFT is to itself, and removed to the
bit."""

from __future__ import annotations

import random
import warnings

import pytest
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from loader_kit.adapter_stack import AdapterStack
from loader_kit.checking import check_stack
from loader_kit.matching import linear_sizes
from tests.plugins.families import FAMILIES, make_family
from tests.plugins.stack_making import row, write_adapter

IDS = torch.tensor([[3, 17, 42, 5, 90, 11, 64]])
BASES = {
    "bf16": {"dtype": torch.bfloat16},
    "8bit": {"dtype": torch.bfloat16, "quantization_config": BitsAndBytesConfig(load_in_8bit=True)},
    "4bit": {
        "dtype": torch.bfloat16,
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        ),
    },
}
SPREAD = 1.5
"""Times PEFT's own difference between factors in float32 and in bfloat16."""


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Makes a family's folder once."""
    made = {}

    def make(family):
        if family not in made:
            made[family] = tmp_path_factory.mktemp(family)
            make_family(family).save_pretrained(made[family])
        return made[family]

    return make


def load(folder, base):
    model = AutoModelForCausalLM.from_pretrained(folder, **BASES[base]).eval()
    return model.requires_grad_(False) if base == "bf16" else model


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits.double()


def linears(model):
    """All but the head, which stays in 16 bits and is another test's."""
    return [
        name
        for name, module in model.named_modules()
        if linear_sizes(module) and not hasattr(module, "num_embeddings") and "head" not in name and "embed" not in name
    ]


def draw_stack(model, folder, seed):
    """Some adapters with random ranks, targets and weights."""
    dice = random.Random(seed)
    names = linears(model)
    rows = []
    for number in range(dice.randint(1, 4)):
        chosen = sorted(dice.sample(names, dice.randint(1, len(names))))
        path = write_adapter_of(folder / f"a{number}", model, chosen, rank=dice.randint(1, 9), seed=seed * 10 + number)
        rows.append(row(path, dice.choice([-1.5, -0.3, 0.7, 1.0, 2.0])))
    return rows


def write_adapter_of(path, model, names, rank, seed):
    sizes = {name: linear_sizes(model.get_submodule(name)) for name in names}
    return write_adapter(path, model, names, rank=rank, seed=seed, sizes=sizes)


def with_peft(base, rows, dtype):
    """PEFT's logits with the same stack on a fresh base; its factors in this type."""
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = PeftModel.from_pretrained(base, rows[0].path, rows[0].id)
        for other in rows[1:]:
            model.load_adapter(other.path, other.id)
    model.base_model.set_adapter([one.id for one in rows])
    for module in model.modules():
        if isinstance(module, LoraLayer):
            for one in rows:
                module.set_scale(one.id, one.weight)
            for holder in (module.lora_A, module.lora_B):
                holder.to(dtype)
    return logits(model.eval())


def square(difference):
    return float(difference.square().mean())


def compare(family, base, folder, tmp_path, seed):
    """Mean squares of the differences: ours from PEFT's, and PEFT's in float32 from PEFT's in bfloat16."""
    model = load(folder, base)
    logits(model)  # an engine that packs its weights does so now
    before = logits(model)
    rows = draw_stack(model, tmp_path, seed)
    stack = AdapterStack(model)
    stack.replace(rows)
    ours = logits(model)
    assert not torch.equal(ours, before)
    assert check_stack(model, stack, IDS).holds
    exact, rounded = (with_peft(load(folder, base), rows, dtype) for dtype in (torch.float32, torch.bfloat16))
    stack.replace(rows[:1])
    stack.replace([])
    assert torch.equal(logits(model), before)
    return square(ours - exact), square(exact - rounded)


def check(family, base, folder, tmp_path, seeds):
    """Over several stacks: the few numbers of one differ by chance, most of all where 8 bits round the inputs too."""
    ours, theirs = 0.0, 1e-12
    for seed in seeds:
        (tmp_path / str(seed)).mkdir()
        one, other = compare(family, base, folder, tmp_path / str(seed), seed)
        ours, theirs = ours + one, theirs + other
    assert ours <= SPREAD**2 * theirs, (ours / theirs) ** 0.5


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("family", ["llama", "gpt2", "phi3"])
def test_as_near_to_peft_as_peft_is_to_itself(family, base, folder_of, tmp_path):
    check(family, base, folder_of(family), tmp_path, seeds=range(3))


@pytest.mark.long
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_as_near_to_peft(family, base, folder_of, tmp_path):
    check(family, base, folder_of(family), tmp_path, seeds=range(12))


@pytest.mark.parametrize("family", FAMILIES)
def test_in_float32_the_logits_are_peft_s(family, tmp_path):
    model = make_family(family)
    rows = draw_stack(model, tmp_path, seed=5)
    stack = AdapterStack(model)
    stack.replace(rows)
    wanted = with_peft(make_family(family), rows, torch.float32)
    assert (logits(model) - wanted).abs().max() <= 1e-5 * wanted.abs().max()
