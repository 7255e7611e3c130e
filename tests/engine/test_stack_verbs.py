"""Folding, checking and exporting, as the shell asks an engine for them; and the proof made of them."""

from __future__ import annotations

import math

import pytest

from desktop.api import ExportRequest, Logits, QuantizeRequest
from desktop.engine.jobs import JobCancelled, JobFailed
from desktop.engine.messages import Step
from desktop.engine.verification import largest_difference, verify
from tests.engine.puppets import SOON, generate, load, outcome, row, state

FOLDS = "model.on_mode = 'pass'"


def test_a_loader_that_cannot_fold_says_so_and_exact_is_always_right(engine):
    load(engine)
    with pytest.raises(JobFailed, match="can't fold") as caught:
        engine.set_mode("folded").result(SOON)
    assert caught.value.failure.kind == "unsupported"
    assert engine.mode == "exact"
    engine.set_mode("exact").result(SOON)


def folding(engine):
    load(engine)
    generate(engine, FOLDS).result(SOON)


def test_the_mode_is_granted_and_every_answer_says_it(engine):
    folding(engine)
    assert generate(engine, "yield Chunk(text='x')").result(SOON).mode == "exact"
    engine.set_mode("folded").result(SOON)
    assert engine.mode == "folded"
    assert generate(engine, "yield Chunk(text='x')").result(SOON).mode == "folded"


def test_a_refused_mode_changes_nothing_and_a_bug_breaks_the_engine(engine):
    folding(engine)
    generate(engine, "model.on_mode = 'raise LoaderError(str(mode))'").result(SOON)
    with pytest.raises(JobFailed, match="folded"):
        engine.set_mode("folded").result(SOON)
    assert outcome(engine.count_tokens("x")) == "finished"
    generate(engine, "model.on_mode = '1 / 0'").result(SOON)
    with pytest.raises(JobFailed, match="changing the mode failed") as caught:
        engine.set_mode("folded").result(SOON)
    assert caught.value.failure.kind == "broken"
    assert engine.mode == "exact"
    with pytest.raises(JobFailed, match="changing the mode failed"):
        engine.count_tokens("x").result(SOON)


def test_a_check_comes_back(engine):
    load(engine)
    check = engine.check_stack("two words").result(SOON)
    assert (check.modules, check.worst_module, check.holds) == (2, "one", True)


def test_an_export_tells_its_steps_and_its_report(engine):
    load(engine)
    code = "progress('Writing', 0.5)\nreturn ExportReport(folder='there', bytes=7, rank=3)"
    job = engine.export(ExportRequest(folder=code))
    steps = [event for event in job.events(SOON) if isinstance(event, Step)]
    assert [(step.step, step.fraction) for step in steps] == [("Writing", 0.5)]
    assert job.result(SOON).rank == 3


def test_an_export_is_cancelled_at_its_next_step(engine):
    load(engine)
    job = engine.export(ExportRequest(folder="while True:\n    progress('Writing')\n    time.sleep(0.005)"))
    next(job.events(SOON))
    job.cancel()
    with pytest.raises(JobCancelled):
        job.result(SOON)
    assert outcome(engine.count_tokens("x")) == "finished"


def test_quantising_tells_its_steps_and_its_report_and_can_be_cancelled(engine):
    load(engine)
    report = "QuantizeReport(folder='there', bytes_before=7, bytes_after=2, seconds=1, tokens=request.bits, layers=())"
    job = engine.quantize(QuantizeRequest(folder=f"progress('Layer', 0.5)\nreturn {report}", bits=3))
    steps = [event for event in job.events(SOON) if isinstance(event, Step)]
    assert [(step.step, step.fraction) for step in steps] == [("Layer", 0.5)]
    assert job.result(SOON).tokens == 3
    job = engine.quantize(QuantizeRequest(folder="while True:\n    progress('Layer')\n    time.sleep(0.005)"))
    next(job.events(SOON))
    job.cancel()
    with pytest.raises(JobCancelled):
        job.result(SOON)
    assert outcome(engine.count_tokens("x")) == "finished"


def test_the_stack_stays_what_it_is_while_quantising(engine):
    load(engine)
    code = "for _ in range(20):\n    progress('Layer')\n    time.sleep(0.01)\n    assert not model.loras"
    done = "return QuantizeReport(folder='', bytes_before=0, bytes_after=0, seconds=0, tokens=0, layers=())"
    job = engine.quantize(QuantizeRequest(folder=f"{code}\n{done}"))
    next(job.events(SOON))
    attached = engine.set_stack([row("a")])
    job.result(SOON)
    attached.result(SOON)
    assert [there[0] for there in state(engine)[0]] == ["a"]


def test_a_restart_folds_again(engine, new_engine):
    load(engine, run="import puppet\nmodel = puppet.Puppet('x')\nmodel.on_mode = 'pass'\nreturn model")
    engine.set_stack([row("a")]).result(SOON)
    engine.set_mode("folded").result(SOON)
    engine.restart()
    assert engine.mode == "folded"
    assert state(engine)[1] == ["folded"]


def test_a_proof_puts_the_stack_back(engine):
    load(engine)
    before = [row("a"), row("b", 0.5)]
    engine.set_stack(before).result(SOON)
    told = []
    proofs = verify(engine, before, lambda step, fraction: told.append((step, round(fraction, 2))))
    assert told == [("Verifying a", 0.0), ("Verifying b", 0.33), ("Verifying a, b", 0.67)]
    assert [proof.names for proof in proofs] == [("a",), ("b",), ("a", "b")]
    # The puppet's logits never move.
    assert [(proof.moved, proof.base_is_back, proof.holds) for proof in proofs] == [(0.0, True, False)] * 3
    assert engine.stack == tuple(before)
    assert [there[0] for there in state(engine)[0]] == ["a", "b"]


def test_an_adapter_at_weight_zero_need_not_act(engine):
    load(engine)
    (proof,) = verify(engine, [row("a", 0.0)], lambda *_: None)
    assert (proof.check, proof.why_unchecked, proof.moved) == (None, "No adapter acts.", 0)
    assert proof.holds


def test_the_largest_difference_is_of_whole_rows():
    def logits(*values):
        from array import array

        return Logits(positions=1, vocabulary=len(values), data=array("f", values).tobytes())

    assert largest_difference(logits(1, 2, 3), logits(1, 4, 2)) == 2
    assert largest_difference(logits(), logits()) == 0
    assert math.isnan(largest_difference(logits(1, math.nan), logits(1, 2)))
    with pytest.raises(ValueError, match="can't be compared"):
        largest_difference(logits(1), logits(1, 2))
