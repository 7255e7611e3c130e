"""What every loaded model does: it answers piece by piece, can be stopped, and does what was declared and no more."""

from __future__ import annotations

import math
import struct

import pytest

from desktop.api import GenerateRequest, LogitsRequest, Message, Sampling
from desktop.engine.jobs import JobCancelled, JobFailed
from tests.contract.conftest import PROMPT
from tests.contract.opening import PATIENCE, answer


def ask(opened, prompt=PROMPT, tokens=6, **changes):
    request = {"sampling": Sampling(greedy=True), "max_new_tokens": tokens} | changes
    return opened.engine.generate(GenerateRequest(prompt=prompt, **request))


def test_what_was_loaded_is_told(opened):
    asked, dtype = opened.case.request.get("bits", 16), opened.case.request.get("dtype", "")
    assert (opened.info.bits, opened.info.dtype) == (opened.bits, dtype)
    assert asked in opened.capabilities.bits
    if opened.real:
        assert opened.info.path == str(opened.shelf / opened.case.model)
        assert opened.info.parameters == 82_240
        assert opened.info.versions["torch"]


def test_an_answer_comes_in_pieces_whose_tokens_are_counted(stack):
    job = ask(stack)
    chunks = list(job.events(PATIENCE))
    result = job.result()
    assert "".join(chunk.text for chunk in chunks)
    assert result.generated_tokens == sum(len(chunk.tokens) for chunk in chunks)
    assert result.stack == ()
    if stack.case.loader != "parrot":
        assert len(chunks) >= 6, "a token a piece"
        assert all(len(chunk.tokens) == 1 for chunk in chunks[:6])
        assert result.generated_tokens == 6
        assert result.prompt_tokens > 0
    if stack.real:
        assert (result.finish_reason, result.seed) == ("length", None)


def test_greedy_twice_is_the_same_answer(stack):
    assert "greedy" in stack.capabilities.sampling
    assert stack.observe() == stack.observe()


def test_a_seed_gives_the_same_answer_again_where_seeds_are_declared(stack):
    if "seed" not in stack.capabilities.sampling:
        pytest.skip("no seeds are declared")

    def drawn(seed):
        job = ask(stack, tokens=12, sampling=Sampling(temperature=2.0, top_k=0, top_p=1.0, seed=seed))
        tokens = [token for chunk in job.events(PATIENCE) for token in chunk.tokens]
        return tokens, job.result().seed

    first, seed = drawn(7)
    assert seed == 7
    assert drawn(7)[0] == first
    assert drawn(8)[0] != first
    unset = drawn(None)
    assert drawn(unset[1]) == unset, "the seed that was drawn is told and gives the same answer"


def test_cancelled_between_two_tokens_and_the_engine_answers_on(stack):
    if stack.case.loader == "parrot":
        pytest.skip("it answers in one piece")
    before = stack.observe()
    job = ask(stack, "word " * 40_000 if stack.case.loader == "echo" else PROMPT, 200 if stack.real else 40_000)
    next(job.events(PATIENCE))
    job.cancel()
    with pytest.raises(JobCancelled):
        job.result(PATIENCE)
    assert stack.observe() == before


def test_logits_where_they_are_declared_and_unsupported_where_not(stack):
    job = stack.engine.logits(LogitsRequest(prompt=PROMPT, last=3))
    if not stack.capabilities.logits:
        return refused(job)
    told = job.result(PATIENCE)
    assert (told.positions, told.vocabulary, len(told.data)) == (3, 320, 3 * 320 * 4)
    values = struct.unpack(f"<{3 * 320}f", told.data)
    assert all(map(math.isfinite, values))
    likeliest = max(range(320), key=values[-320:].__getitem__)
    assert answer(stack.engine, PROMPT, 1)[1] == (likeliest,)
    return None


def test_logprobs_are_those_of_the_logits(stack):
    if not stack.capabilities.logits:
        pytest.skip("no logits are declared")
    told = stack.engine.logits(LogitsRequest(prompt=PROMPT)).result(PATIENCE)
    values = struct.unpack("<320f", told.data)
    norm = math.log(sum(math.exp(value - max(values)) for value in values)) + max(values)
    chunks = ask(stack, tokens=1, logprobs=3).events(PATIENCE)
    (chunk,) = [chunk for chunk in chunks if chunk.tokens]  # half a letter comes after it, as text alone
    (step,) = chunk.logprobs
    best = sorted(range(320), key=lambda token: -values[token])[:3]
    assert [one.token for one in step.top] == best
    assert step.chosen == step.top[0]
    # A pass with a cache rounds differently from one without: bfloat16 has 8 bits of mantissa, on logits up to 64.
    tolerance = 0.5 if stack.info.dtype == "bfloat16" else 1e-3
    for one in step.top:
        assert one.logprob == pytest.approx(values[one.token] - norm, abs=tolerance)


def test_counting_tokens_and_rendering_or_a_word_that_it_can_t(stack):
    counting = stack.engine.count_tokens("The capital")
    rendering = stack.engine.render([Message("user", "hello")])
    if not stack.real:
        refused(counting)
        return refused(rendering)
    assert counting.result(PATIENCE) == ask(stack, "The capital", 0).result(PATIENCE).prompt_tokens
    assert stack.info.has_template
    assert rendering.result(PATIENCE) == "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    return None


def refused(job):
    with pytest.raises(JobFailed) as failed:
        job.result(PATIENCE)
    assert failed.value.failure.kind == "unsupported"
    assert failed.value.failure.message.endswith(".")
