"""Reads a running job and passes on what comes, in batches the window can keep up with."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from desktop.api import Chunk
from desktop.engine.jobs import Job
from desktop.engine.messages import Step

from .translating import tr

INTERVAL = 1 / 30
"""Seconds between two batches: faster than anybody reads, slower than a small model writes."""


class Batch:
    """Text and tokens that wait to be shown."""

    def __init__(self, show: Callable[[str, int], None]) -> None:
        """`show` gets the text and the number of tokens that came with it."""
        self._show = show
        self._text: list[str] = []
        self._tokens = 0
        self._shown = 0.0

    def add(self, chunk: Chunk) -> None:
        """Take a piece; show what has gathered if it is time."""
        self._text.append(chunk.text)
        self._tokens += len(chunk.tokens)
        if monotonic() - self._shown >= INTERVAL:
            self.flush()

    def flush(self) -> None:
        """Show what has gathered."""
        self._shown = monotonic()
        text, tokens = "".join(self._text), self._tokens
        self._text, self._tokens = [], 0
        if text or tokens:
            self._show(text, tokens)


class PromptProgress:
    """Tells how far a long prompt has been read, and when the answer begins."""

    def __init__(self, tell: Callable[[str, float | None], None]) -> None:
        """`tell` gets words and the share that is done, or None where nobody can know."""
        self._tell = tell
        self._reading = False

    def take(self, chunk: Chunk) -> None:
        """A piece came."""
        if chunk.prompt_tokens:
            self._reading = True
            words = tr("Reading the prompt, {done:,} of {total:,} tokens")
            told = words.format(done=chunk.prompt_done, total=chunk.prompt_tokens)
            self._tell(told, chunk.prompt_done / chunk.prompt_tokens)
        elif self._reading:
            self._reading = False
            self._tell(tr("Answering"), None)


def follow_answer(job: Job[Any], show: Callable[[str, int], None], take: Callable[[Chunk], None]) -> None:
    """Wait until an answer has ended, taking each piece and showing them in batches.

    Raises nothing: the job's result tells how it ended.
    """
    batch = Batch(show)
    ended = False
    while not ended:
        try:
            for event in job.events(INTERVAL):
                if isinstance(event, Chunk):
                    take(event)
                    batch.add(event)
            ended = True
        except TimeoutError:
            pass  # a slow model: what has gathered must not wait for the next token
        batch.flush()


def follow_steps(job: Job[Any], tell: Callable[[str, float | None], None]) -> None:
    """Wait until a job has ended, telling its progress, at most one report a batch interval for each step."""
    last, step = 0.0, ""
    for event in job.events():
        if isinstance(event, Step) and (event.step != step or monotonic() - last >= INTERVAL):
            last, step = monotonic(), event.step
            tell(event.step, event.fraction)
