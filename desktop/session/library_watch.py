"""Notices that the library's folders have changed, by whomever, and says so once things have come to rest."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal, Slot

from desktop.library.watched import changed_last

REST = 700
"""Milliseconds without a change after which the folders are read: a folder being copied changes all the time."""
PATIENCE = 5000
"""Milliseconds after which they are read though the changes go on."""
PORTION = 100
"""Folders that begin to be watched in one turn of the event loop: the system is asked about each of them."""


class LibraryWatch(QObject):
    """Watches the folders of models and adapters, and each folder in them that was listed."""

    #: Something has changed on the disk.
    disk_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        """Nothing is watched before a listing came."""
        super().__init__(parent)
        self._left: list[tuple[str, int]] = []
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE)
        self._turn = QTimer(self, interval=0)
        self._watcher: QFileSystemWatcher | None = None
        self._rest.timeout.connect(self._on_time_out)
        self._patience.timeout.connect(self._on_time_out)
        self._turn.timeout.connect(self._on_turn)

    @Slot(object)
    def watch(self, folders: Mapping[str, int]) -> None:
        """These folders, and no others; they are there. With each when it was changed last, as the listing has it."""
        if self._watcher is None:
            self._watcher = QFileSystemWatcher(self)
            self._watcher.directoryChanged.connect(self._on_changed)
        watched = set(self._watcher.directories())
        if gone := sorted(watched.difference(folders)):
            self._watcher.removePaths(gone)
        self._left = [(folder, when) for folder, when in folders.items() if folder not in watched]
        self._on_turn()

    def end(self) -> None:
        """Say nothing any more."""
        for timer in (self._rest, self._patience, self._turn):
            timer.stop()
        if self._watcher is not None:
            self._watcher.deleteLater()
            self._watcher = None

    @Slot()
    def _on_turn(self) -> None:
        now, self._left = self._left[:PORTION], self._left[PORTION:]
        if now and self._watcher is not None:
            self._watcher.addPaths([folder for folder, _ in now])
            if any(changed_last(folder) != when for folder, when in now):
                self._on_changed()
        self._turn.start() if self._left else self._turn.stop()

    @Slot()
    def _on_changed(self) -> None:
        self._rest.start()
        if not self._patience.isActive():
            self._patience.start()

    @Slot()
    def _on_time_out(self) -> None:
        self._rest.stop()
        self._patience.stop()
        self.disk_changed.emit()
