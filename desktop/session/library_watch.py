"""Notices that the library's folders have changed, by whomever, and says so once things have come to rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal, Slot

from desktop.library.adapters import AdapterEntry
from desktop.library.home import Home
from desktop.library.hub_cache import cache_folders
from desktop.library.models import ModelEntry
from desktop.library.places import adapter_folders, is_folder, model_folders
from desktop.library.settings import Settings

REST = 700
"""Milliseconds without a change after which the folders are read: a folder being copied changes all the time."""
PATIENCE = 5000
"""Milliseconds after which they are read though the changes go on."""
CHECKPOINTS = "checkpoints"
"""What a run calls the folder of its checkpoints."""
MOST = 4000
"""Folders that are watched; systems allow some thousands."""


class LibraryWatch(QObject):
    """Watches the folders of models and adapters, and each folder in them that was listed."""

    #: Something has changed on the disk.
    disk_changed = Signal()

    def __init__(self, home: Home, settings: Settings, parent: QObject | None = None) -> None:
        """Nothing is watched before a listing came."""
        super().__init__(parent)
        self._home, self._settings = home, settings
        self._listed: dict[str, tuple[str, ...]] = {}
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE)
        self._watcher: QFileSystemWatcher | None = None
        self._rest.timeout.connect(self._on_time_out)
        self._patience.timeout.connect(self._on_time_out)

    @Slot(list)
    def know_models(self, entries: Sequence[ModelEntry]) -> None:
        """The models were listed."""
        self._listed["models"] = tuple(entry.path for entry in entries)

    @Slot(list)
    def know_adapters(self, entries: Sequence[AdapterEntry]) -> None:
        """The adapters were listed too: from now on these folders are watched."""
        self._listed["adapters"] = tuple(entry.path for entry in entries)
        self._watch()

    def end(self) -> None:
        """Say nothing any more."""
        self._rest.stop()
        self._patience.stop()
        if self._watcher is not None:
            self._watcher.deleteLater()
            self._watcher = None

    def _watch(self) -> None:
        listed = {path for paths in self._listed.values() for path in paths}
        # A new checkpoint appears beside those that are listed.
        wanted = (
            set(self._roots())
            | listed
            | {str(place) for path in listed if (place := Path(path).parent).name == CHECKPOINTS}
        )
        # A missing folder can't be watched, and a file's folder says what becomes of the file.
        folders = {path for path in sorted(wanted)[:MOST] if is_folder(Path(path))}
        if self._watcher is None:
            self._watcher = QFileSystemWatcher(self)
            self._watcher.directoryChanged.connect(self._on_changed)
        watched = set(self._watcher.directories())
        if gone := sorted(watched - folders):
            self._watcher.removePaths(gone)
        if new := sorted(folders - watched):
            self._watcher.addPaths(new)

    def _roots(self) -> list[str]:
        folders = [*model_folders(self._home, self._settings), *adapter_folders(self._home, self._settings)]
        # While there is no such folder, the one it will appear in.
        there = [folder if is_folder(folder) else folder.parent for folder in folders]
        there += cache_folders(self._home, self._settings)
        return [str(folder) for folder in there]

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
