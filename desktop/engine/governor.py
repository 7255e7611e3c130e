"""Shares out the cores among the engines that are busy.

Two torch processes that each use every core of a small machine bring each other down to a fraction of their speed,
because their threads spin while they wait for one another. So the busy ones are told to use an equal share.
A share of two cores is one, and decoding on one thread is two thirds as fast at best: so an engine that works in the
background also rests for a while now and then, and the others have its cores until it goes on.
"""

from __future__ import annotations

import threading
from typing import Protocol

REST = 0.42
"""Seconds that an engine in the background rests for each second that it has worked beside one in the foreground."""


class Sharer(Protocol):
    """An engine as the governor sees it."""

    background: bool
    """Nobody waits for its next word, as somebody does for an answer's."""

    def share(self, parts: int, rest: float) -> None:
        """Use one part in `parts` of the cores from now on, and rest `rest` seconds for each second of work."""


class Governor:
    """Knows which engines are busy and tells each its share. Safe to use from any thread."""

    def __init__(self) -> None:
        """Nobody is busy."""
        self._lock = threading.Lock()
        self._busy: list[Sharer] = []
        self._resting: list[Sharer] = []

    def begin(self, engine: Sharer) -> None:
        """The engine has work (loading and warming count)."""
        with self._lock:
            if engine not in self._busy:
                self._busy.append(engine)
                self._share_out()

    def rests(self, engine: Sharer, resting: bool) -> None:
        """The engine in the background has begun or ended a rest."""
        with self._lock:
            if engine in self._busy and (engine in self._resting) != resting:
                self._resting.append(engine) if resting else self._resting.remove(engine)
                self._share_out()

    def end(self, engine: Sharer) -> None:
        """The engine has nothing to do, or is gone."""
        with self._lock:
            if engine in self._busy:
                self._busy.remove(engine)
                self._resting = [other for other in self._resting if other is not engine]
                self._share_out()

    def _share_out(self) -> None:
        awake = len(self._busy) - len(self._resting)
        in_front = any(not engine.background for engine in self._busy)
        for engine in self._busy:
            # One that rests is told what it has when it goes on.
            parts = awake + 1 if engine in self._resting else awake
            engine.share(parts, REST if engine.background and in_front else 0.0)
