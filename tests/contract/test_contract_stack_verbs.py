"""What a loader that folds, checks and exports must keep to; one that can't says so and changes nothing."""

from __future__ import annotations

import pytest

from desktop.api import ExportRequest, QuantizeRequest
from desktop.engine.jobs import JobFailed
from tests.contract.opening import PATIENCE


def refused(job):
    """Said in words, as what can't be done or what can't be done now."""
    with pytest.raises(JobFailed) as caught:
        job.result(PATIENCE)
    assert caught.value.failure.kind in {"unsupported", "user"}


def test_folded_and_unfolded_the_stack_and_the_base_are_what_they_were(stack):
    engine = stack.engine
    base = stack.observe()
    engine.set_stack([stack.row("small", 0.7), stack.row("large", -0.3)]).result(PATIENCE)
    exact = stack.observe()
    if not stack.capabilities.fold or stack.case.request.get("bits"):
        refused(engine.set_mode("folded"))
        assert (engine.mode, stack.observe()) == ("exact", exact)
        return
    engine.set_mode("folded").result(PATIENCE)
    assert stack.observe() != base
    engine.set_stack([]).result(PATIENCE)
    assert stack.observe() == base
    engine.set_stack([stack.row("small", 0.7), stack.row("large", -0.3)]).result(PATIENCE)
    engine.set_mode("exact").result(PATIENCE)
    assert stack.observe() == exact


def test_what_acts_is_checked_and_the_check_changes_nothing(stack):
    engine = stack.engine
    engine.set_stack([stack.row("large", 0.5)]).result(PATIENCE)
    before = stack.observe()
    if stack.capabilities.check:
        check = engine.check_stack("The quick brown fox").result(PATIENCE)
        assert check.holds, check
        assert check.modules == 14
    else:
        refused(engine.check_stack("The quick brown fox"))
    assert stack.observe() == before


@pytest.mark.parametrize("what", ["adapter", "model"])
def test_an_export_is_whole_or_not_there(stack, tmp_path, what):
    engine = stack.engine
    engine.set_stack([stack.row("small", 0.7), stack.row("large", -0.3)]).result(PATIENCE)
    before = stack.observe()
    job = engine.export(ExportRequest(folder=str(tmp_path / "out"), what=what))
    if stack.capabilities.export and not (what == "model" and stack.bits != 16):
        assert job.result(PATIENCE).bytes > 0
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
    else:
        refused(job)
        assert list(tmp_path.iterdir()) == []
    assert stack.observe() == before


def test_a_quantised_copy_is_whole_or_not_there(stack, tmp_path):
    engine = stack.engine
    before = stack.observe()
    engine.set_stack([stack.row("small", 0.7)]).result(PATIENCE)
    refused(engine.quantize(QuantizeRequest(folder=str(tmp_path / "out"), samples=1)))
    engine.set_stack([]).result(PATIENCE)
    job = engine.quantize(QuantizeRequest(folder=str(tmp_path / "out"), samples=1))
    if stack.capabilities.quantize and not stack.case.request.get("bits"):
        assert job.result(PATIENCE).bytes_after > 0
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
    else:
        refused(job)
        assert list(tmp_path.iterdir()) == []
    assert stack.observe() == before
