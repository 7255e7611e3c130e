"""What every loaded model makes of a stack of adapters: they act, each with its weight, and go without a trace."""

from __future__ import annotations

import math

import pytest

from desktop.engine.jobs import JobFailed
from tests.contract.opening import PATIENCE


def test_an_adapter_acts_is_reweighted_and_goes_without_a_trace(stack):
    engine = stack.engine
    base = stack.observe()
    receipt = engine.apply_lora(stack.row("small")).result(PATIENCE)
    assert (receipt.id, receipt.name, receipt.weight) == ("ad_small", "small", 1.0)
    full = stack.observe()
    assert full != base
    assert engine.apply_lora(stack.row("small", 0.25)).result(PATIENCE).weight == 0.25
    quarter = stack.observe()
    assert quarter not in (full, base)
    engine.apply_lora(stack.row("small")).result(PATIENCE)
    assert stack.observe() == full
    engine.remove_lora("ad_small").result(PATIENCE)
    assert stack.observe() == base
    assert engine.stack == ()


def test_the_receipt_is_the_proof(stack):
    receipt = stack.engine.apply_lora(stack.row("large")).result(PATIENCE)
    if stack.real:
        assert (receipt.kind, receipt.rank, receipt.alpha) == ("LoRA", 16, 16.0)
        assert (receipt.modules_matched, receipt.modules_targeted, receipt.tensors_unused) == (14, 14, ())
        assert receipt.bytes > 0
        assert receipt.milliseconds > 0


def test_a_weight_of_zero_and_a_row_switched_off_are_the_base_to_the_bit(stack):
    if not stack.real:
        pytest.skip("its adapters only say their names")
    base = stack.observe()
    for row in (stack.row("large", 0.0), stack.row("large", enabled=False)):
        assert stack.engine.apply_lora(row).result(PATIENCE).weight == 0.0
        assert stack.observe() == base
    stack.engine.apply_lora(stack.row("large")).result(PATIENCE)
    assert stack.observe() != base


def test_two_adapters_of_different_rank_with_weights_and_each_may_go_first(stack):
    engine = stack.engine
    small, large = stack.row("small", 0.7), stack.row("large", -0.3)
    base = stack.observe()
    alone = {}
    for row in (small, large):
        engine.set_stack([row]).result(PATIENCE)
        alone[row.id] = stack.observe()
    receipts = engine.set_stack([small, large]).result(PATIENCE)
    assert [(receipt.id, receipt.weight) for receipt in receipts] == [("ad_small", 0.7), ("ad_large", -0.3)]
    if stack.real:
        assert [receipt.rank for receipt in receipts] == [4, 16]
    both = stack.observe()
    assert both not in (base, *alone.values())
    assert engine.stack == (small, large)
    engine.remove_lora("ad_small").result(PATIENCE)
    assert stack.observe() == alone["ad_large"]
    engine.set_stack([small, large]).result(PATIENCE)
    assert stack.observe() == both
    engine.remove_lora("ad_large").result(PATIENCE)
    assert stack.observe() == alone["ad_small"]
    engine.set_stack([]).result(PATIENCE)
    assert stack.observe() == base


def test_the_whole_stack_at_once_equals_one_after_the_other(stack):
    rows = [stack.row("small", 0.7), stack.row("large", -0.3)]
    stack.engine.set_stack(rows).result(PATIENCE)
    at_once = stack.observe()
    stack.engine.set_stack([]).result(PATIENCE)
    for row in rows:
        stack.engine.apply_lora(row).result(PATIENCE)
    assert stack.observe() == at_once


def unchanged(stack, change, words):
    """The change is refused in words, and nothing at all has changed."""
    before, rows = stack.observe(), stack.engine.stack
    with pytest.raises(JobFailed, match=words) as failed:
        change().result(PATIENCE)
    assert failed.value.failure.kind == "user"
    assert stack.observe() == before
    assert stack.engine.stack == rows


def test_what_the_program_itself_refuses_leaves_the_stack(stack):
    engine, small = stack.engine, stack.row("small", 0.7)
    engine.set_stack([small]).result(PATIENCE)
    unchanged(stack, lambda: engine.set_stack([small, stack.row("large"), small]), "small stands in the stack twice")
    unchanged(stack, lambda: engine.apply_lora(stack.row("large", math.inf)), "weight of large is inf")
    unchanged(stack, lambda: engine.remove_lora("ad_nobody"), "This adapter is not in the stack")


def test_an_adapter_that_can_t_be_attached_leaves_the_stack(stack):
    if not stack.real:
        pytest.skip("it attaches whatever it is given")
    engine, small, large = stack.engine, stack.row("small", 0.7), stack.row("large", -0.3)
    engine.set_stack([small, large]).result(PATIENCE)
    unchanged(stack, lambda: engine.apply_lora(stack.row("gone")), "gone is not a folder")
    wide = r"foreign does not fit: its \w+ is 128 wide, this model has 64"
    unchanged(stack, lambda: engine.apply_lora(stack.row("foreign")), wide)
    unchanged(stack, lambda: engine.set_stack([large, stack.row("foreign"), small]), wide)
    other = stack.row("foreign")
    unchanged(stack, lambda: engine.apply_lora(type(other)(id="ad_small", name="x", path=other.path)), "x does not fit")
