"""Keeps what the user writes down about adapters, off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from desktop.library.adapter_notes import AdapterNote, Notes, adapter_key, read_notes, write_note

from .lane import Lane


class NoteKeeper(QObject):
    """The verbs return at once; the signals come from the lane's thread."""

    #: Every note that is kept: AdapterNote by the adapter's key.
    notes_known = Signal(object)
    #: They could not be read or written: a sentence.
    notes_failed = Signal(str)

    def __init__(self, root: Path, lane: Lane, parent: QObject | None = None) -> None:
        """`root` is the home folder; nothing is read yet."""
        super().__init__(parent)
        self._root = root
        self._lane = lane

    def read(self) -> None:
        """Read what is kept."""
        self._lane.submit(lambda: self._tell(lambda: read_notes(self._root)))

    def keep(self, path: str, note: AdapterNote) -> None:
        """Keep this note about the adapter at a path."""
        self._lane.submit(lambda: self._tell(lambda: write_note(self._root, adapter_key(path), note)))

    def _tell(self, work: Callable[[], tuple[Notes, str]]) -> None:
        try:
            notes, notice = work()
        except OSError as error:
            words = self.tr(
                "The notes about adapters can't be kept ({reason}: {file}). Free some space or mend the folder."
            )
            self.notes_failed.emit(words.format(reason=error.strerror, file=error.filename or self._root))
            return
        if notice:
            self.notes_failed.emit(notice)
        self.notes_known.emit(notes)
