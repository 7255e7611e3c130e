"""A thread that runs one thing after the other."""

from __future__ import annotations

import queue
import traceback
from collections.abc import Callable

from PySide6.QtCore import QObject, QThread, Signal


class Lane(QThread):
    """Runs what is submitted, in order, on a thread of its own.

    Work is a function that reports by signals. It is expected to turn its failures into signals too; what escapes it
    all the same is a bug, told by `work_failed`, and the lane goes on.
    """

    #: A piece of work raised something nobody expected: the exception in words, and its traceback.
    work_failed = Signal(str, str)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        """The thread starts at once."""
        super().__init__(parent)
        self.setObjectName(name)
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.start()

    def submit(self, work: Callable[[], None]) -> None:
        """Run `work` after everything submitted before. May be called from any thread; never waits."""
        self._work.put(work)

    def shut_down(self, milliseconds: int = 10_000) -> bool:
        """Finish what is submitted, then end the thread. False if it still runs after that time."""
        self._work.put(None)
        return self.wait(milliseconds)

    def run(self) -> None:
        """The thread's own loop."""
        while (work := self._work.get()) is not None:
            try:
                work()
            except BaseException as error:  # whatever it is: the lane must live, and the bug must be seen
                self.work_failed.emit(f"{type(error).__name__}: {error}", traceback.format_exc())
