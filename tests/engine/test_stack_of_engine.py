"""The stack through a real engine, and the record the shell keeps of it."""

from __future__ import annotations

import math
import random

import pytest

from desktop.engine.jobs import EngineGone, JobFailed
from tests.engine.puppets import SOON, generate, load, row, say, start_load, state


@pytest.fixture(params=["puppet", "puppet_at_once"])
def model(request, new_engine):
    """An engine with a puppet, without and with `set_stack`."""
    engine = new_engine(request.param)
    engine.start()
    load(engine)
    return engine


def attached(engine):
    return state(engine)[0]


def as_rows(loras):
    return [[lora.id, lora.effective_weight, lora.path] for lora in loras]


def agrees(engine, loras):
    """The model, the engine's record and the shell's record are all this."""
    assert attached(engine) == as_rows(loras)
    assert engine.stack == tuple(loras)
    assert generate(engine, "yield Chunk()").result(SOON).stack == tuple(loras)


def fails(job, kind, words=""):
    with pytest.raises(JobFailed) as failed:
        job.result(SOON)
    assert failed.value.failure.kind == kind
    assert words in failed.value.failure.message


def test_receipts_come_back_a_row_each(model):
    receipts = model.set_stack([row("a", 0.5), row("b", enabled=False)]).result(SOON)
    assert [(receipt.id, receipt.weight) for receipt in receipts] == [("a", 0.5), ("b", 0.0)]
    assert model.apply_lora(row("c", -2)).result(SOON).weight == -2.0
    agrees(model, [row("a", 0.5), row("b", enabled=False), row("c", -2)])


def test_apply_remove_reorder(model):
    model.set_stack([row("a"), row("b"), row("c")]).result(SOON)
    model.apply_lora(row("b", 0.25)).result(SOON)
    agrees(model, [row("a"), row("b", 0.25), row("c")])
    assert model.remove_lora("a").result(SOON) is None
    agrees(model, [row("b", 0.25), row("c")])
    model.set_stack([row("c"), row("d"), row("b", 0.25)]).result(SOON)
    agrees(model, [row("c"), row("d"), row("b", 0.25)])
    model.set_stack([]).result(SOON)
    agrees(model, [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda model: model.set_stack([row("c"), row("d", code="before: raise LoaderError('bad file')")]), "bad file"),
        (lambda model: model.apply_lora(row("d", code="before: raise LoaderError('bad file')")), "bad file"),
        (lambda model: model.apply_lora(row("a", math.nan)), "finite"),
        (lambda model: model.set_stack([row("c"), row("c")]), "twice"),
        (lambda model: model.remove_lora("z"), "not in the stack"),
    ],
)
def test_a_refusal_leaves_the_model_and_both_records_as_they_were(model, change, words):
    before = [row("a"), row("b", 0.5)]
    model.set_stack(before).result(SOON)
    fails(change(model), "user", words)
    agrees(model, before)


@pytest.mark.parametrize(
    "code", ["before: 1 / 0", "before: sys.exit()", "after: return None", "after: 1 / 0", "before: raise GeneratorExit"]
)
def test_a_bug_leaves_the_model_and_both_records_as_they_were(model, code):
    before = [row("a"), row("b", 0.5)]
    model.set_stack(before).result(SOON)
    fails(model.set_stack([row("b", 0.5), row("c", code=code)]), "bug")
    agrees(model, before)


def test_a_stack_that_can_not_be_put_back_is_broken_until_the_engine_starts_again(model):
    model.set_stack([row("a", code="before: if model.seen: raise LoaderError('file gone')")]).result(SOON)
    fails(model.set_stack([row("b", code="after: model.seen.append('once')\nraise ValueError")]), "broken", "file gone")
    assert model.stack == (row("a", code="before: if model.seen: raise LoaderError('file gone')"),)
    for job in (generate(model, "yield Chunk()"), model.set_stack([]), model.render(()), model.count_tokens("x")):
        fails(job, "broken", "Start the engine again")
    model.restart()
    assert attached(model) == [["a", 1.0, "/loras/a"]]
    assert say(model, "yield Chunk(text='here')") == "here"


def test_a_stack_that_was_being_changed_when_the_engine_died_is_the_one_before(model):
    model.set_stack([row("a")]).result(SOON)
    with pytest.raises(EngineGone, match="SIGKILL"):
        model.set_stack([row("a"), row("b", code="before: os.kill(os.getpid(), 9)")]).result(SOON)
    assert model.stack == (row("a"),)
    model.restart()
    agrees(model, [row("a")])


def test_jobs_are_done_in_the_order_in_which_they_were_given(model):
    jobs = [model.apply_lora(row("a")), model.apply_lora(row("b")), model.remove_lora("a"), model.apply_lora(row("c"))]
    for job in jobs:
        job.result(SOON)
    agrees(model, [row("b"), row("c")])


def test_the_record_is_right_as_soon_as_the_job_has_ended(model):
    for n in range(50):
        model.set_stack([row("a", n)]).result(SOON)
        assert model.stack == (row("a", n),)


def test_any_sequence_with_failures(model):
    """Two hundred changes, a third of which fail; the shell's record is the model's state after each."""
    dice = random.Random(20240607)
    failing = ("before: raise LoaderError('no')", "before: 1 / 0", "after: return None", "after: 1 / 0")
    for _ in range(200):
        code = dice.choice(failing) if dice.random() < 0.33 else ""
        names = dice.sample("abcdef", dice.randrange(5))
        loras = [row(name, dice.choice([0.0, 0.5, -1.0])) for name in names]
        if code:
            loras.append(row("z", code=code))
        before = model.stack
        job = model.set_stack(loras)
        if code:
            fails(job, "user" if "LoaderError" in code else "bug")
            assert model.stack == before
        else:
            assert len(job.result(SOON)) == len(loras)
            assert model.stack == tuple(loras)
        assert attached(model) == as_rows(model.stack)


def test_a_new_model_has_an_empty_stack(model):
    model.set_stack([row("a")]).result(SOON)
    model.kill()
    model.start()
    start_load(model).result(SOON)
    agrees(model, [])
