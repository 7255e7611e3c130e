"""Drives a model's `generate` and measures it."""

from __future__ import annotations

from time import perf_counter
from typing import Protocol

from desktop.api import Model, Reply
from desktop.engine.messages import Event, Generate, GenerateResult, Piece, Segment

from .stack import Stack


class JobCancelled(Exception):
    """The shell has cancelled the job that is running."""


class Driver(Protocol):
    """What the engine lends to a running job."""

    def between(self, job: int) -> None:
        """Called between two yields; raises JobCancelled."""

    def say(self, event: Event) -> None:
        """Send one event to the shell."""


def answer(ask: Generate, model: Model, stack: Stack, driver: Driver) -> GenerateResult:
    """Stream one answer. Raises JobCancelled between two tokens."""
    segments = [Segment(0, stack.loras)]
    started = perf_counter()
    first = last = started
    tokens = cached = 0
    pieces = model.generate(ask.request)
    try:
        while True:
            driver.between(ask.job)
            if stack.loras != segments[-1].stack:
                segments.append(Segment(tokens, stack.loras))
            chunk = next(pieces)
            last = perf_counter()
            first = last if not tokens else first
            tokens += len(chunk.tokens)
            cached += chunk.cached_tokens
            driver.say(Piece(ask.job, chunk))
    except StopIteration as ending:
        reply: Reply = ending.value or Reply()
    finally:
        pieces.close()
    return GenerateResult(
        finish_reason=reply.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        generated_tokens=tokens,
        cached_tokens=cached,
        cache_bytes=reply.cache_bytes,
        prompt_seconds=first - started,
        decode_seconds=last - first,
        seed=reply.seed,
        stack=segments[0].stack,
        mode=stack.mode,
        segments=tuple(segments) if len(segments) > 1 else (),
    )
