"""Answers come piece by piece, end early when they are cancelled, and fail without taking the engine along."""

from __future__ import annotations

import threading

import pytest

from desktop.api import Chunk, GenerateRequest, LogitsRequest
from desktop.engine.jobs import JobCancelled, JobFailed
from desktop.engine.messages import GenerateResult
from tests.clocks import at_once
from tests.engine.puppets import SOON, generate, row, say, state, wait_until

ENDLESS = "for i in range(10**9):\n    time.sleep(0.001)\n    yield Chunk(text=f'{i} ', tokens=(i,))"


def test_pieces_arrive_while_the_answer_is_being_made(loaded):
    """The second piece is only made when the first has been read here."""
    job = generate(
        loaded,
        "yield Chunk(text='one ', tokens=(1,))\n"
        "while not os.path.exists('go'): time.sleep(0.002)\n"
        "yield Chunk(text='two', tokens=(2, 3))\n"
        "return Reply(finish_reason='length', prompt_tokens=5, seed=7)",
    )
    events = job.events(SOON)
    assert next(events) == Chunk(text="one ", tokens=(1,))
    (loaded._logs / "go").touch()
    assert list(events) == [Chunk(text="two", tokens=(2, 3))]
    result = job.result()
    assert (result.finish_reason, result.prompt_tokens, result.generated_tokens, result.seed) == ("length", 5, 3, 7)


def test_the_times_are_those_of_the_engine(loaded):
    code = "time.sleep(0.1)\nyield Chunk(tokens=(1,))\ntime.sleep(0.05)\nyield Chunk(tokens=(2,))\ntime.sleep(3)"
    result = generate(loaded, code).result(SOON)
    assert result.prompt_seconds >= 0.1
    assert 0.05 <= result.decode_seconds < 3, "what comes after the last token is not decoding"
    assert result.tokens_per_second == pytest.approx(1 / result.decode_seconds)


def test_an_answer_without_tokens(loaded):
    assert generate(loaded, "").result(SOON) == GenerateResult(
        finish_reason="stop", prompt_tokens=0, generated_tokens=0, prompt_seconds=0.0, decode_seconds=0.0
    )


def test_the_stack_that_made_the_answer_is_told(loaded):
    rows = (row("a", 0.5), row("b", enabled=False))
    loaded.set_stack(rows).result(SOON)
    assert generate(loaded, "yield Chunk()").result(SOON).stack == rows


def test_cancel_ends_the_answer_between_two_tokens(loaded):
    code = (
        "try:\n"
        "    for i in range(10**9):\n"
        "        time.sleep(0.001)\n"
        "        yield Chunk(text='x')\n"
        "except GeneratorExit:\n"
        "    model.seen.append('GeneratorExit')\n"
        "    raise\n"
        "finally:\n"
        "    model.seen.append('finally')\n"
    )
    job = generate(loaded, code)
    events = job.events(SOON)
    next(events)
    job.cancel()
    with pytest.raises(JobCancelled):
        job.result(SOON)
    assert state(loaded)[1] == ["GeneratorExit", "finally"]


def test_one_answer_after_another_is_cancelled(loaded):
    for _ in range(20):
        job = generate(loaded, ENDLESS)
        next(job.events(SOON))
        job.cancel()
        with pytest.raises(JobCancelled):
            job.result(SOON)


def test_cancel_before_the_first_token_runs_nothing_of_the_answer(loaded):
    running = generate(loaded, ENDLESS)
    next(running.events(SOON))
    queued = generate(loaded, "model.seen.append('ran')")
    last = loaded.count_tokens("a b")
    queued.cancel()
    running.cancel()
    for job in (running, queued):
        with pytest.raises(JobCancelled):
            job.result(SOON)
    assert last.result(SOON) == 2
    assert state(loaded)[1] == []


def test_cancel_from_another_thread_while_one_reads(loaded):
    job = generate(loaded, ENDLESS)
    timer = threading.Timer(0.1, job.cancel)
    timer.start()
    with pytest.raises(JobCancelled):
        job.result(SOON)
    timer.join()


def test_cancel_of_a_job_that_has_ended_means_nothing(loaded):
    job = generate(loaded, "yield Chunk()")
    job.result(SOON)
    job.cancel()
    assert job.result(SOON).finish_reason == "stop"
    assert say(loaded, "yield Chunk(text='next')") == "next"


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("1 / 0", "bug", "ZeroDivisionError"),
        ("yield Chunk(text='a')\nraise LoaderError('The context is full.')", "user", "The context is full."),
        ("raise Unsupported('Not greedy.')", "unsupported", "Not greedy."),
        ("yield Chunk(text='a')\nraise MemoryError", "user", "not enough memory"),
        ("yield Chunk(text='a')\nsys.exit(1)", "bug", "SystemExit"),
        ("yield Chunk(text='a')\nraise StopIteration", "bug", "StopIteration"),
        ("yield 'text'", "bug", "'str' object has no attribute 'tokens'"),
        ("yield", "bug", "'NoneType' object has no attribute 'tokens'"),
        ("yield Chunk(text=None)", "bug", "Expected `str`, got"),
        ("yield Chunk(text=object())", "bug", "object can't be sent"),
        (r"yield Chunk(text='\udcff')", "bug", "UnicodeEncodeError"),
        ("yield Chunk(text='x' * 70_000_000)", "bug", "over the limit"),
        ("yield Chunk()\nreturn Reply(finish_reason='tired')", "bug", "Its answer is no proper GenerateResult"),
        ("yield Chunk()\nreturn 'stop'", "bug", "finish_reason"),
    ],
)
def test_a_failure_in_the_middle_ends_this_answer_only(loaded, code, kind, words):
    with pytest.raises(JobFailed) as failed:
        generate(loaded, code).result(SOON)
    assert failed.value.failure.kind == kind
    assert words in failed.value.failure.message
    assert say(loaded, "yield Chunk(text='next')") == "next"


def test_what_was_said_before_a_failure_has_arrived(loaded):
    job = generate(loaded, "yield Chunk(text='half')\nraise ValueError('gone')")
    assert [chunk.text for chunk in job.events(SOON)] == ["half"]
    with pytest.raises(JobFailed, match="gone"):
        job.result()


def test_a_generator_that_will_not_end_is_a_bug_and_the_engine_goes_on(loaded):
    job = generate(loaded, "while True:\n    try:\n        yield Chunk()\n    except GeneratorExit:\n        pass")
    next(job.events(SOON))
    job.cancel()
    with pytest.raises(JobFailed, match="generator ignored GeneratorExit"):
        job.result(SOON)
    assert say(loaded, "yield Chunk(text='next')") == "next"


def test_nothing_at_all_for_a_while_is_a_timeout_and_the_job_goes_on(loaded):
    job = generate(loaded, "time.sleep(0.3)\nyield Chunk(text='late')")
    with pytest.raises(TimeoutError, match=r"0\.05 seconds"):
        job.result(0.05)
    assert [chunk.text for chunk in job.events(SOON)] == ["late"]


def test_many_pieces_arrive_whole_and_in_order(loaded):
    text = say(loaded, "for i in range(20_000): yield Chunk(text=f'{i} ')")
    assert text == "".join(f"{i} " for i in range(20_000))


def test_what_a_model_leaves_out_is_unsupported(loaded):
    loaded.kill()
    loaded.start()
    run = "del Puppet.render, Puppet.logits, Puppet.count_tokens"
    loaded.load(type(loaded.loaded)(path="/m", settings={"run": run})).result(SOON)
    for job in (loaded.render(()), loaded.logits(LogitsRequest(prompt="x")), loaded.count_tokens("x")):
        with pytest.raises(JobFailed) as failed:
            job.result(SOON)
        assert failed.value.failure.kind == "unsupported"


def test_without_a_model_everything_is_refused_in_words(engine):
    jobs = [
        engine.generate(GenerateRequest(prompt="x")),
        engine.render(()),
        engine.set_stack([]),
        engine.apply_lora(row("a")),
        engine.remove_lora("a"),
    ]
    for job in jobs:
        with pytest.raises(JobFailed, match=r"No model is loaded in this engine\. Load one first\."):
            job.result(SOON)


def test_close_in_the_middle_of_an_answer_cancels_it(loaded):
    job = generate(loaded, ENDLESS)
    next(job.events(SOON))
    with at_once():
        loaded.close()
    with pytest.raises(JobCancelled):
        job.result(SOON)
    wait_until(lambda: loaded.pid is None)
