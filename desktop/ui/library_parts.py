"""The widgets of the library's place, made one after the other: ahead, while nothing happens, or when it is visited."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QMainWindow

from .adapter_facts import AdapterFacts
from .downloads_panel import DownloadsPanel
from .duplicates_dialog import DuplicatesDialog
from .hub_panel import HubPanel
from .icons import Icons
from .library_details import LibraryDetails
from .library_list import LibraryList
from .library_name_dialog import LibraryNameDialog
from .library_place import LibraryPlace
from .library_question import LibraryQuestion
from .note_dialog import NoteDialog


class LibraryParts:
    """All of them at once would hold the window up for a moment that is seen."""

    place: LibraryPlace
    details: LibraryDetails
    question: LibraryQuestion
    names: LibraryNameDialog
    duplicates: DuplicatesDialog
    notes: NoteDialog

    def __init__(self, window: QMainWindow, icons: Icons) -> None:
        """None is made yet; all of them belong to the window."""
        self._making = self._make(window, icons)

    def make_next(self) -> bool:
        """Make one more; whether there was one left."""
        return next(self._making, False)

    def make_all(self) -> None:
        """Make those that are left."""
        while self.make_next():
            pass

    def _make(self, window: QMainWindow, icons: Icons) -> Iterator[bool]:
        shown = LibraryList(icons, window)
        yield True
        hub = HubPanel(icons, window)
        yield True
        downloads = DownloadsPanel(icons, window)
        yield True
        self.place = LibraryPlace(icons, shown, hub, downloads, window)
        yield True
        facts = AdapterFacts(window)
        yield True
        self.details = LibraryDetails(icons, facts, window)
        yield True
        self.question, self.names = LibraryQuestion(window), LibraryNameDialog(window)
        yield True
        self.duplicates, self.notes = DuplicatesDialog(window), NoteDialog(window)
        yield True
