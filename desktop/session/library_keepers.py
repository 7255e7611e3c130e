"""Everything of the session that is about the library's place: its keepers, wired to each other."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from desktop.library.home import Home
from desktop.library.settings import Settings

from .download_keeper import DownloadKeeper
from .folder_keeper import FolderKeeper
from .hub_searcher import HubSearcher
from .lane import Lane
from .library_reader import LibraryReader
from .library_watch import LibraryWatch
from .shelf_changer import ShelfChanger
from .shelf_keeper import ShelfKeeper


class LibraryKeepers(QObject):
    """Owns the keepers and their threads."""

    #: The folders have changed and are to be read again.
    listing_wanted = Signal()

    def __init__(self, home: Home, settings: Settings, reader: LibraryReader, parent: QObject | None = None) -> None:
        """Threads are started, nothing is read."""
        super().__init__(parent)
        self.shelf = ShelfKeeper(home, self)
        self.changer = ShelfChanger(home, settings, self)
        self.downloads = DownloadKeeper(home, settings, self)
        self.hub = HubSearcher(self)
        self.folders = FolderKeeper(home, self)
        self._disk = LibraryWatch(self)
        reader.models_listed.connect(self.shelf.take_models)
        reader.adapters_listed.connect(self.shelf.take_adapters)
        reader.adapters_listed.connect(self.changer.know_adapters)
        reader.folders_listed.connect(self._disk.watch)
        self._disk.disk_changed.connect(self.listing_wanted)
        self.changer.folders_changed.connect(self.listing_wanted)
        self.downloads.completed.connect(self.listing_wanted)
        self.folders.folders_changed.connect(self.listing_wanted)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The threads of all of them."""
        keepers = (self.shelf, self.changer, self.downloads, self.hub, self.folders)
        return tuple(lane for keeper in keepers for lane in keeper.lanes)

    def shut_down(self) -> None:
        """End processes and threads; waits for them."""
        self._disk.end()
        for keeper in (self.shelf, self.changer, self.hub, self.folders, self.downloads):
            keeper.shut_down()
