"""Trying again what may pass by itself: with longer and longer waits, or after as long as the hub asks."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from .http_words import LONGEST_WAIT, in_words

LONGEST_BACK_OFF = 60.0
"""Seconds between two tries where the hub names none."""
T = TypeVar("T")


class Stopped(Exception):
    """Nobody waits for it any more."""


class Patience:
    """How often and how patiently a download tries again; shared by its threads."""

    def __init__(self, tries: int, first_wait: float, tell: Callable[[str, float], None]) -> None:
        """`tell` hears the reason and the seconds of each wait, on the thread that waits."""
        self._tries = tries
        self._first_wait = first_wait
        self._tell = tell
        self.stopping = threading.Event()

    def run(self, work: Callable[[], T], repo: str, revision: str, progress: Callable[[], int] | None = None) -> T:
        """What `work` returns. Raises HubError once it has failed too often in a row, and Stopped.

        `progress` counts bytes that have come: as long as some do, it goes on trying.
        """
        failures, before = 0, progress() if progress else 0
        while True:
            try:
                return work()
            except Stopped:
                raise
            except Exception as error:
                problem = in_words(error, repo, revision)
                now = progress() if progress else 0
                failures = 1 if now > before else failures + 1
                before = now
                if not problem.again or failures >= self._tries or (problem.wait or 0) > LONGEST_WAIT:
                    raise problem from error
                self._wait(str(problem), failures, problem.wait)

    def _wait(self, reason: str, failures: int, asked: float | None) -> None:
        # Not all at the same moment: several files fail together.
        own = min(self._first_wait * 2 ** (failures - 1), LONGEST_BACK_OFF) * random.uniform(0.8, 1.2)
        seconds = max(asked or 0.0, own)
        self._tell(reason, seconds)
        if self.stopping.wait(seconds):
            raise Stopped
