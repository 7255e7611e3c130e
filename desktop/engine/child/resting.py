"""An engine in the background rests between two pieces of its work, while somebody waits for another engine."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Protocol

SHORTEST = 0.25
"""Seconds: rests shorter than this are saved up. The engine that has the cores meanwhile takes and leaves them between
two tokens, and a token takes up to a tenth of that."""

LONGEST = 2.0
"""Seconds: even after one very long piece of work nobody rests longer at once."""


class Wishes(Protocol):
    """Where what the shell wishes arrives."""

    @property
    def rest(self) -> float:
        """Seconds the shell wants rested for each second of work."""

    def is_cancelled(self, job: int) -> bool:
        """Whether this job should end at once."""

    def wait_for_news(self, seconds: float) -> None:
        """Wait until the shell says anything, but no longer than this."""


class Resting:
    """Counts what was worked and rests as long as the shell wants for it."""

    def __init__(self, inbox: Wishes, say: Callable[[float], None]) -> None:
        """`say` tells the shell that a rest begins, and how many seconds it lasts at most, or with 0 that it ends."""
        self._inbox = inbox
        self._say = say
        self._since: float | None = None

    def begin(self) -> None:
        """A job begins."""
        self._since = None

    def rest(self, job: int) -> None:
        """Rest if it is time to; a cancellation and the shell's leave to go on end a rest at once."""
        now = monotonic()
        if not self._inbox.rest:
            self._since = None
            return
        if self._since is None:
            self._since = now
        owed = (now - self._since) * self._inbox.rest
        if owed < SHORTEST:
            return
        until = now + min(owed, LONGEST)
        self._say(until - now)
        while self._inbox.rest and not self._inbox.is_cancelled(job) and (left := until - monotonic()) > 0:
            self._inbox.wait_for_news(left)
        self._say(0.0)
        self._since = monotonic()
