"""What a stack keeps of its memory when the last adapter is gone: little, and no number of what was in it."""

from __future__ import annotations

import pytest
import torch

from desktop.api import Lora
from loader_kit import fused_stack
from loader_kit.fused_stack import FusedStack
from tests.plugins.kinds import lora, make_base, write

RANK = 16


@pytest.fixture
def row(tmp_path):
    write(lora("", {}, r=RANK, target_modules=["q_proj", "o_proj"]), tmp_path / "a")
    return Lora(id="a", name="a", path=str(tmp_path / "a"))


def outputs(model):
    with torch.no_grad():
        return model(torch.tensor([[1, 5, 9]])).logits


def held(stack):
    """By module: where its buffers lie."""
    return {name: site._layout.a.data_ptr() for name, site in stack._sites.items()}


def test_the_next_adapter_finds_the_memory_of_the_last_one(row):
    model = make_base()
    base = outputs(model)
    stack = FusedStack(model)
    stack.replace([row])
    moved, before = outputs(model), held(stack)
    stack.replace([])
    assert held(stack) == before
    assert not stack.sites
    assert not any("forward" in module.__dict__ for module in model.modules())
    assert torch.equal(outputs(model), base)
    stack.replace([row])
    assert held(stack) == before
    assert torch.equal(outputs(model), moved)
    assert not torch.equal(moved, base)


def test_much_memory_is_given_back(row, monkeypatch):
    model = make_base()
    stack = FusedStack(model)
    (receipt,) = stack.replace([row])
    monkeypatch.setattr(fused_stack, "KEPT", receipt.bytes - 1)
    stack.replace([])
    assert not stack._sites
    stack.replace([row])
    monkeypatch.setattr(fused_stack, "KEPT", receipt.bytes)
    stack.replace([])
    assert len(stack._sites) == receipt.modules_matched
