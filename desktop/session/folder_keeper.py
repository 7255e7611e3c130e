"""Looks into folders of text-generation-webui, uses them in place or copies from them, and forgets them again."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot

from desktop.library.home import Home
from desktop.library.linked import check_linked, link_folder, read_linked, unlink_folder
from desktop.library.places import is_folder

from .shelf_lane import ShelfLane
from .shelf_plans import LinkedFolder

if TYPE_CHECKING:
    from PySide6.QtCore import QObject

    from desktop.library.textgen.looking import Report


class FolderKeeper(ShelfLane):
    """The verbs return at once; the signals come from the keeper's thread."""

    #: What a folder holds: Report.
    looked = Signal(object)
    #: What is copied now, and the fraction of all bytes that is done.
    copied = Signal(str, float)
    #: It is used, or all was copied: a sentence, and a tuple of Fault for what was not copied.
    taken = Signal(str, object)
    #: The folders that are used in place: list of LinkedFolder.
    linked_listed = Signal(list)
    #: There is more or less to use than before.
    folders_changed = Signal()

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        """Nothing is read yet."""
        super().__init__(home.root, "folders", parent)
        self._home = home
        self._stopping = threading.Event()

    @Slot(str)
    def look(self, folder: str) -> None:
        """Look what a folder holds."""
        self._stopping.clear()
        self._submit(lambda: self._look(folder))

    @Slot(object, bool)
    def take(self, report: Report, copy: bool) -> None:
        """Use the folder of a report in place, or copy what can be used of it."""
        self._stopping.clear()
        self._submit(lambda: self._copy(report) if copy else self._link(report))

    @Slot(str)
    def forget(self, folder: str) -> None:
        """Use a folder no more."""
        self._submit(lambda: self._forget(folder))

    @Slot()
    def list_linked(self) -> None:
        """Tell which folders are used in place."""
        self._submit(self._list)

    @Slot()
    def stop(self) -> None:
        """Leave off looking or copying."""
        self._stopping.set()

    def _is_stopped(self) -> bool:
        return self._ending.is_set() or self._stopping.is_set()

    def _look(self, folder: str) -> None:
        from desktop.library.textgen.looking import look_into

        self.looked.emit(look_into(Path(folder), self._home, self._is_stopped))

    def _link(self, report: Report) -> None:
        link_folder(self._home, Path(report.folder))
        self.taken.emit(self.tr("{folder} is used in place from now on.").format(folder=report.folder), ())
        self._list()
        self.folders_changed.emit()

    def _copy(self, report: Report) -> None:
        from desktop.library.textgen.copying import copy_into

        try:
            done = copy_into(report, self._home, self.copied.emit, self._is_stopped)
        finally:
            # Also where it was stopped or the disk was full: what is whole by then is there.
            self.folders_changed.emit()
        words = self.tr("Copied into {folder}: {count}.")
        self.taken.emit(words.format(folder=self._home.root, count=done.copied), done.left)

    def _forget(self, folder: str) -> None:
        unlink_folder(self._home, Path(folder))
        self._list()
        self.folders_changed.emit()

    def _list(self) -> None:
        if problem := check_linked(self._home):
            self.refused.emit(problem)
        self.linked_listed.emit([LinkedFolder(str(one), is_folder(one)) for one in read_linked(self._home)])
