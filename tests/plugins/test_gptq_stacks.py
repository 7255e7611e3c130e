"""Stacks of adapters on GPTQ bases of both loaders: the sum at every step, the base to the bit, and gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from desktop.api import Unsupported
from loader_kit.adapter_stack import AdapterStack
from loader_kit.checking import check_stack
from loader_kit.gptq_linear import GptqLinear
from tests import tiny
from tests.plugins.gptq_loaders import load_with, plain_twin
from tests.plugins.gptq_writer import write_checkpoint
from tests.plugins.stack_making import row
from tests.plugins.test_stack_on_bases import with_peft
from tests.plugins.test_stack_properties import IDS, check_modules, stories, write

BASES = {
    "autogptq": {"act_order": True},
    "gptq_llama": {"era": "zeros", "group_size": -1, "writer": "gptq_for_llama", "config": False, "file": "t-4bit.pt"},
}
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.fixture(scope="module", params=BASES)
def bases(request, tiny_folder, tmp_path_factory):
    """One checkpoint a loader, opened in float32 and in bfloat16; its folder is gone."""
    folder = tmp_path_factory.mktemp(request.param) / "model"
    write_checkpoint(folder, tiny_folder, **BASES[request.param])
    opened = {dtype: load_with(request.param, folder, dtype=dtype) for dtype in ("float32", "bfloat16")}
    folder.rename(folder.parent / "elsewhere")
    return {dtype: model.model for dtype, model in opened.items()}


def modules_of(model):
    kinds = (GptqLinear, torch.nn.Linear, torch.nn.Embedding)
    return {name: module for name, module in model.named_modules() if isinstance(module, kinds)}


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


def tell(model, folder, data):
    """One story: any stacks one after the other, and at the end the base."""
    modules, copies = modules_of(model), modules_of(copy.deepcopy(model))
    base = logits(model)
    pool, stacks = data.draw(stories(tuple(modules)))
    paths = [folder / f"adapter.{number} é" for number in range(len(pool))]
    deltas = {str(path): write(path, drawn, modules) for path, drawn in zip(paths, pool, strict=True)}
    stack = AdapterStack(model)
    for wanted in [*stacks, []]:
        rows = [row(paths[number], weight, enabled=on) for number, weight, on in wanted]
        assert [receipt.id for receipt in stack.replace(rows)] == [one.id for one in rows]
        check_modules(modules, copies, rows, deltas)
        if not any(one.effective_weight for one in rows):
            assert torch.equal(logits(model), base)
    assert not any("forward" in module.__dict__ for module in model.modules())


def test_any_stacks_in_any_order(bases, tmp_path_factory):
    @settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=QUIET)
    @given(st.data())
    def check(data):
        tell(bases["float32"], tmp_path_factory.mktemp("stack"), data)

    check()


@pytest.mark.long
def test_many_stacks_in_any_order(bases, tmp_path_factory):
    @settings(max_examples=150, deadline=None, suppress_health_check=QUIET)
    @given(st.data())
    def check(data):
        tell(bases["float32"], tmp_path_factory.mktemp("stack"), data)

    check()


def make_rows(tmp_path, model):
    """Two adapters on all linears with weights."""
    for number, rank in enumerate((4, 7)):
        tiny.make_adapter(tmp_path / f"a{number}", model, rank=rank, seed=number, modules=tiny.linear_names(model))
    return [row(tmp_path / "a0", 0.7), row(tmp_path / "a1", -0.3)]


def test_the_logits_are_peft_s_on_the_plain_weights_and_on_ours(bases, tmp_path):
    model = bases["float32"]
    rows = make_rows(tmp_path, model)
    wanted = with_peft(plain_twin(model), rows, torch.float32)
    assert (with_peft(copy.deepcopy(model), rows, torch.float32) - wanted).abs().max() <= 1e-5 * wanted.abs().max()
    stack = AdapterStack(model)
    stack.replace(rows)
    with torch.no_grad():
        ours = model(input_ids=torch.tensor([[3, 17, 42, 5, 90, 11, 64]])).logits.double()
    stack.replace([])
    assert (ours - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_removal_is_exact_and_the_check_holds(bases, tmp_path, dtype):
    model = bases[dtype]
    before = logits(model)
    stack = AdapterStack(model)
    rows = make_rows(tmp_path, model)
    stack.replace(rows)
    assert not torch.equal(logits(model), before)
    assert check_stack(model, stack, IDS).holds
    with pytest.raises(Unsupported, match="quantised"):
        stack.set_mode("folded")
    stack.replace(rows[1:])
    stack.replace([])
    assert torch.equal(logits(model), before)


def test_gradients_of_adapters_are_those_on_the_plain_weights(bases, tmp_path):
    """PEFT's factors train on ours as they do on plain linears with the same weights."""
    from peft import PeftModel

    model = bases["float32"]
    (first, _) = make_rows(tmp_path, model)
    found = []
    for base in (copy.deepcopy(model), plain_twin(model)):
        wrapped = PeftModel.from_pretrained(base, first.path, is_trainable=True).eval()  # no dropout
        wrapped(input_ids=IDS, labels=IDS).loss.backward()
        found.append({name: one.grad for name, one in wrapped.named_parameters() if one.requires_grad})
    ours, plain = found
    assert ours.keys() == plain.keys()
    assert len(ours) == 2 * 14
    for name, gradient in plain.items():
        assert gradient.abs().max() > 0
        assert (ours[name] - gradient).abs().max() <= 1e-4 * gradient.abs().max(), name


def test_a_dora_beside_a_lora_goes_and_leaves_the_base(bases, tmp_path):
    """PEFT takes the norms of the unpacked weights for its magnitudes."""
    model = bases["float32"]
    before = logits(model)
    plain = plain_twin(model)
    write_dora(tmp_path / "dora", plain, [name for name in tiny.linear_names(plain) if name.endswith("q_proj")])
    found = []
    for twin in (model, plain):
        stack = AdapterStack(twin)
        stack.replace([row(tmp_path / "dora", 0.7)])
        assert stack.through_peft
        found.append(logits(twin))
        stack.replace([])
    ours, wanted = found
    assert not torch.equal(ours, before)
    assert (ours - wanted).abs().max() <= 1e-5 * wanted.abs().max()
    assert torch.equal(logits(model), before)


def write_dora(folder, plain, names):
    """A LoRA's folder with magnitudes that are not the base's."""
    tiny.make_adapter(folder, plain, modules=names, use_dora=True)
    tensors = load_file(folder / "adapter_model.safetensors")
    for name in names:
        norms = plain.get_submodule(name).weight.norm(dim=1)
        tensors[f"base_model.model.{name}.lora_magnitude_vector"] = norms * 1.1
    save_file(tensors, folder / "adapter_model.safetensors")
