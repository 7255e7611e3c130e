"""Saves the session soon after something changed, off the GUI thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from .lane import Lane
from .saved import Saved, write_saved

DELAY = 400
"""Milliseconds from a change to the saving of it; changes meanwhile are saved with it."""


class Saver(QObject):
    """Asks for the state when it is time, and writes it."""

    #: It is time: whoever has the state hands it to `write`.
    due = Signal()
    #: Saving failed: a sentence. It is tried again at the next change.
    save_failed = Signal(str)

    def __init__(self, root: Path, parent: QObject | None = None) -> None:
        """`root` is the home folder."""
        super().__init__(parent)
        self._root = root
        self._lane = Lane("saver", self)
        self.lanes = (self._lane,)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self.due)

    @Slot()
    def touch(self) -> None:
        """Something changed."""
        if not self._timer.isActive():
            self._timer.start()

    def write(self, saved: Saved) -> None:
        """Write this state. Never waits."""
        self._lane.submit(lambda: self._write(saved))

    def shut_down(self) -> None:
        """Write what is submitted, then end the thread; waits for it."""
        self._timer.stop()
        self._lane.shut_down()

    def _write(self, saved: Saved) -> None:
        try:
            write_saved(self._root, saved)
        except OSError as error:
            self.save_failed.emit(
                self.tr(
                    "What you typed could not be saved ({reason}: {folder}). Free some space or mend the folder."
                ).format(reason=error.strerror, folder=self._root)
            )
