"""The check of a running stack finds an engine that computes something else."""

from __future__ import annotations

import pytest
import torch

from desktop.api import LoaderError
from loader_kit.adapter_stack import AdapterStack
from loader_kit.checking import check_stack
from tests.plugins.families import FAMILIES, make_family, targets
from tests.plugins.stack_making import row, write_adapter, write_trained

IDS = torch.tensor([[3, 17, 42, 5, 90]])


def attached(model, tmp_path):
    names = list(targets(model))
    stack = AdapterStack(model)
    paths = [
        write_adapter(tmp_path / "one", model, names, rank=4, seed=1, rank_pattern={}, use_rslora=True),
        write_adapter(tmp_path / "two", model, names[:3], rank=7, seed=2),
        write_adapter(tmp_path / "mute", model, names, rank=2, seed=3),
    ]
    stack.replace([row(paths[0], 0.7), row(paths[1], -1.5), row(paths[2], 0.0)])
    return stack


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_right_stack_is_found_right(family, dtype, tmp_path):
    model = make_family(family, dtype)
    stack = attached(model, tmp_path)
    found = check_stack(model, stack, IDS)
    assert found.holds, found
    assert found.modules == len(stack.sites)
    assert found.worst_module in stack.sites


def test_checking_changes_nothing(tmp_path):
    model = make_family("llama")
    stack = attached(model, tmp_path)
    with torch.no_grad():
        before = model(IDS).logits
        check_stack(model, stack, IDS)
        assert torch.equal(model(IDS).logits, before)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_wrong_scale_is_found_with_its_module(tmp_path):
    model = make_family("llama")
    stack = attached(model, tmp_path)
    name = "model.layers.1.mlp.up_proj"
    stack.sites[name].scales.mul_(1.01)
    found = check_stack(model, stack, IDS)
    assert not found.holds
    assert found.worst_module == name


def test_wrong_factors_are_found(tmp_path):
    model = make_family("llama")
    stack = attached(model, tmp_path)
    stack.sites["lm_head"].factors[1][0, 0] += 1
    found = check_stack(model, stack, IDS)
    assert not found.holds
    assert found.worst_module == "lm_head"


def test_numbers_that_are_none_are_found(tmp_path):
    model = make_family("llama")
    stack = attached(model, tmp_path)
    stack.sites["lm_head"].factors[1][0, 0] = float("nan")
    assert not check_stack(model, stack, IDS).holds


def test_an_empty_stack_holds_nothing():
    model = make_family("llama")
    assert not check_stack(model, AdapterStack(model), IDS).holds


def test_a_trained_module_is_part_of_what_the_factors_are_added_to(tmp_path):
    model = make_family("llama")
    name = "model.layers.1.mlp.down_proj"
    stack = AdapterStack(model)
    stack.replace([row(write_trained(tmp_path / "t", model, name)), row(write_adapter(tmp_path / "f", model, [name]))])
    assert check_stack(model, stack, IDS).holds


def test_a_folded_stack_is_not_checked(tmp_path):
    model = make_family("llama")
    stack = attached(model, tmp_path)
    stack.set_mode("folded")
    with pytest.raises(LoaderError, match="Choose the exact mode"):
        check_stack(model, stack, IDS)
