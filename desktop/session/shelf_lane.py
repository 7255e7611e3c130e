"""A thread for work on the library, where whatever can't be done is told in a sentence."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from .lane import Lane


class ShelfLane(QObject):
    """Whoever works on the library's folders stands on this; the signals come from its thread."""

    #: Something can't be done: a sentence.
    refused = Signal(str)

    def __init__(self, root: Path, name: str, parent: QObject | None = None) -> None:
        """`root` is the home folder, `name` the thread's."""
        super().__init__(parent)
        self._root = root
        self._ending = threading.Event()
        self._lane = Lane(name, self)
        self.lanes = (self._lane,)

    def shut_down(self) -> None:
        """End the thread; waits for it. What is being copied or hashed is stopped."""
        self._ending.set()
        self._lane.shut_down()

    def _submit(self, work: Callable[[], None]) -> None:
        self._lane.submit(lambda: self._try(work))

    def _try(self, work: Callable[[], None]) -> None:
        # Here and not above: the window starts without it.
        from desktop.library.identity import HashStopped
        from desktop.library.shelf.problems import ShelfError

        if self._ending.is_set():
            return
        try:
            work()
        except ShelfError as error:
            self.refused.emit(str(error))
        except HashStopped:
            pass  # the program is ending
        except OSError as error:
            words = self.tr("The system says: {reason} ({file}).")
            self.refused.emit(words.format(reason=error.strerror, file=error.filename or self._root))
