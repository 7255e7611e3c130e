"""Folded mode: merged weights stand in for the base's, and the base's own come back to the bit."""

from __future__ import annotations

import copy

import pytest
import torch

from desktop.api import LoaderError, Unsupported
from loader_kit import folding
from loader_kit.adapter_stack import AdapterStack
from tests.plugins.families import make_family, targets
from tests.plugins.stack_making import row, write_adapter, write_trained

IDS = torch.tensor([[3, 17, 42, 5, 90]])


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


@pytest.fixture(params=["llama", "gpt2"])
def model(request):
    return make_family(request.param)


@pytest.fixture
def rows(model, tmp_path):
    """Two adapters on everything there is, one of them also on the embedding and the head."""
    names = list(targets(model))
    layers = [name for name in names if ".0." in name]
    one = write_adapter(tmp_path / "one", model, names, rank=4, seed=1)
    two = write_adapter(tmp_path / "two", model, layers, rank=7, seed=2, use_rslora=True)
    return [row(one, 0.7), row(two, -0.4)]


def test_folded_is_the_same_sum_and_unfolding_gives_the_tensors_back(model, rows):
    weights = {name: module.weight for name, module in targets(model).items()}
    bytes_before = {name: weight.clone() for name, weight in weights.items()}
    base, stack = logits(model), AdapterStack(model)
    stack.replace(rows)
    exact, version = logits(model), stack.version()
    stack.set_mode("folded")
    assert stack.version() != version
    assert not any("forward" in module.__dict__ for module in model.modules())
    folded = logits(model)
    assert not torch.equal(folded, base)
    torch.testing.assert_close(folded, exact, rtol=1e-4, atol=1e-4 * float(exact.abs().max()))
    stack.set_mode("exact")
    assert torch.equal(logits(model), exact)
    for name, module in targets(model).items():
        assert module.weight is weights[name]
        assert torch.equal(module.weight, bytes_before[name])
    stack.replace([])
    assert torch.equal(logits(model), base)


def test_the_mode_stays_while_the_stack_changes(model, rows):
    base, stack = logits(model), AdapterStack(model)
    stack.set_mode("folded")
    stack.replace(rows)
    both = logits(model)
    stack.replace(rows[:1])
    one = logits(model)
    assert not torch.equal(one, both)
    stack.remove(rows[0])
    assert stack.mode == "folded"
    assert torch.equal(logits(model), base)
    stack.set_mode("exact")
    stack.replace(rows)
    torch.testing.assert_close(logits(model), both, rtol=1e-4, atol=1e-4 * float(both.abs().max()))


def test_a_tied_head_is_folded_alone(tmp_path):
    model = make_family("gpt2")
    assert model.lm_head.weight is model.transformer.wte.weight
    adapter = write_adapter(tmp_path / "head", model, ["lm_head"])
    table, stack = model.transformer.wte.weight, AdapterStack(model)
    stack.replace([row(adapter)])
    stack.set_mode("folded")
    assert model.transformer.wte.weight is table
    assert model.lm_head.weight is not table
    stack.set_mode("exact")
    assert model.lm_head.weight is table


def test_in_bf16_it_is_the_sum_rounded_once(tmp_path):
    model = make_family("llama", torch.bfloat16)
    name = "model.layers.0.mlp.down_proj"
    adapter = write_adapter(tmp_path / "one", model, [name])
    module = model.get_submodule(name)
    exact = copy.deepcopy(module.weight).double()
    stack = AdapterStack(model)
    stack.replace([row(adapter, 0.5)])
    site = stack.sites[name]
    a, b = (side.double() for side in site.factors)
    exact += (b * site.scales.double()[:, None]).T @ a
    stack.set_mode("folded")
    assert torch.equal(module.weight, exact.to(torch.bfloat16))


def test_without_memory_it_is_refused_with_the_numbers_and_nothing_changes(model, rows, monkeypatch):
    stack = AdapterStack(model)
    stack.replace(rows)
    exact = logits(model)
    monkeypatch.setattr(folding, "free_memory", lambda device: 1000)
    with pytest.raises(LoaderError, match=r"Folding takes 0\.3 GB on cpu .* 0\.0 GB are free"):
        stack.set_mode("folded")
    assert stack.mode == "exact"
    assert torch.equal(logits(model), exact)


def test_memory_that_ends_while_folded_leaves_the_stack_that_was(model, rows, monkeypatch):
    stack = AdapterStack(model)
    stack.replace(rows[1:])
    stack.set_mode("folded")
    before = logits(model)
    refuse = [True]

    def free(_):
        return 1000 if refuse.pop() else 1 << 40

    refuse[:0] = [False]
    monkeypatch.setattr(folding, "free_memory", free)
    with pytest.raises(LoaderError, match="are free"):
        stack.replace(rows)
    assert (stack.mode, [kept.id for kept in stack.rows]) == ("folded", [rows[1].id])
    assert torch.equal(logits(model), before)


def test_quantised_weights_are_refused(load, tiny_folder, tmp_path):
    model = load(tiny_folder, bits=8, dtype="float32")
    name = next(name for name, module in model.model.named_modules() if type(module).__name__ == "Linear8bitLt")
    folder = tmp_path / "one"
    module = model.model.get_submodule(name)
    modules = {name: module}
    write_quantised(folder, modules)
    model.stack.replace([row(folder)])
    with pytest.raises(Unsupported, match="needs 16 or 32-bit weights"):
        model.set_mode("folded")
    assert model.stack.mode == "exact"


def write_quantised(folder, modules):
    """An adapter for modules that are no plain linears."""
    import json

    from safetensors.torch import save_file

    folder.mkdir()
    tensors = {}
    for name, module in modules.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = torch.ones(2, module.in_features)
        tensors[f"base_model.model.{name}.lora_B.weight"] = torch.ones(module.out_features, 2)
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": list(modules)})
    )


def test_a_trained_module_is_not_folded_into_but_beside(tmp_path):
    model = make_family("llama")
    name = "model.layers.1.mlp.down_proj"
    trained = write_trained(tmp_path / "trained", model, name)
    factors = write_adapter(tmp_path / "factors", model, [name])
    stack = AdapterStack(model)
    stack.replace([row(trained, 0.5)])
    exact = logits(model)
    stack.set_mode("folded")
    torch.testing.assert_close(logits(model), exact, rtol=1e-4, atol=1e-4 * float(exact.abs().max()))
    with pytest.raises(Unsupported, match="can't be folded together"):
        stack.replace([row(trained, 0.5), row(factors)])
    assert (stack.mode, [kept.name for kept in stack.rows]) == ("folded", ["trained"])
    stack.set_mode("exact")
    assert torch.equal(logits(model), exact)
    stack.replace([row(trained, 0.5), row(factors)])
    with pytest.raises(Unsupported, match="can't be folded together"):
        stack.set_mode("folded")


def test_an_answer_says_its_mode(load, tiny_folder):
    model = load(tiny_folder, dtype="float32")
    model.set_mode("folded")
    assert model.stack.mode == "folded"
    model.set_mode("exact")
    assert model.stack.mode == "exact"
