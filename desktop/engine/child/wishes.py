"""What a run that nobody holds a pipe to is told through its folder: its share of the cores, commands, signals."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from typing import Any

from desktop.api import StopAndKeep, TrainCommand
from desktop.engine.runs.control import CoreShare, read_share
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lines import Tail

_LOOK = 0.05
"""Seconds between two looks while it rests."""
_SECOND = 1.0
"""Seconds: a signal that follows sooner is the same one, sent to the watcher too and passed on by it."""


class FolderWishes:
    """Read between two pieces of work, on the thread that works."""

    def __init__(self, run: RunFolder, control_from: int) -> None:
        """Commands before the offset `control_from` were meant for an earlier start."""
        self._run = run
        self._control = Tail[TrainCommand](run.control, TrainCommand, control_from)
        self._commands: deque[TrainCommand] = deque()
        self._share = CoreShare()
        self._signalled = threading.Event()
        self._first_signal = 0.0

    def take_signals(self) -> None:
        """From now on SIGTERM means to stop and keep what is learned; a second one ends at once, as Ctrl-C does."""
        signal.signal(signal.SIGTERM, self._on_signal)
        # A shell that starts things in the background leaves Ctrl-C's signal ignored to them.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    @property
    def parts(self) -> int:
        """One part in this many of the cores is the run's."""
        return max(1, self._share.parts)

    @property
    def rest(self) -> float:
        """Seconds to rest for each second of work."""
        return self._share.rest

    @property
    def stop(self) -> bool:
        """Whether the run is to stop, be it that the trainer has not been told yet."""
        self.look()
        return any(isinstance(command, StopAndKeep) for command in self._commands)

    def is_cancelled(self, job: int) -> bool:
        """Whether a rest should end at once: a command waits."""
        return bool(self._commands)

    def wait_for_news(self, seconds: float) -> None:
        """Wait a little and look."""
        time.sleep(min(seconds, _LOOK))
        self.look()

    def look(self) -> None:
        """Read what has been wished since the last look."""
        self._share = read_share(self._run)
        self._commands.extend(self._control.read())
        if self._signalled.is_set():
            self._signalled.clear()
            self._commands.append(StopAndKeep())

    def next_command(self) -> TrainCommand | None:
        """The next command for the trainer, or None."""
        return self._commands.popleft() if self._commands else None

    def _on_signal(self, number: int, frame: Any) -> None:
        now = time.monotonic()
        if self._first_signal and now - self._first_signal > _SECOND:
            raise KeyboardInterrupt
        self._first_signal = self._first_signal or now
        self._signalled.set()
