"""Shares the cores out among the engines that are busy.

Two torch processes that each use every core of a small machine bring each other down to a fraction of their speed,
because their threads spin while they wait for one another. So the busy ones are told to use an equal share.
"""

from __future__ import annotations

import threading
from typing import Protocol


class Sharer(Protocol):
    """An engine as the governor sees it."""

    def share(self, parts: int) -> None:
        """Use one part in `parts` of the cores from now on."""


class Governor:
    """Knows which engines are busy and tells each its share. Safe to use from any thread."""

    def __init__(self) -> None:
        """Nobody is busy."""
        self._lock = threading.Lock()
        self._busy: list[Sharer] = []

    def begin(self, engine: Sharer) -> None:
        """The engine has work (loading and warming count)."""
        with self._lock:
            if engine not in self._busy:
                self._busy.append(engine)
                self._share_out()

    def end(self, engine: Sharer) -> None:
        """The engine has nothing to do, or is gone."""
        with self._lock:
            if engine in self._busy:
                self._busy.remove(engine)
                self._share_out()

    def _share_out(self) -> None:
        for engine in self._busy:
            engine.share(len(self._busy))
