"""The keepers of the library without threads or disks; a test compares each with the real one."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class FakeShelf(QObject):
    """The same signals and verbs as `desktop.session.shelf_keeper.ShelfKeeper`."""

    refused = Signal(str)
    items_listed = Signal(list)
    marks_known = Signal(object)
    card_read = Signal(str, str)


class FakeChanger(QObject):
    """The same signals and verbs as `desktop.session.shelf_changer.ShelfChanger`."""

    refused = Signal(str)
    looked = Signal(object)
    relocated = Signal(str, str)
    deleted = Signal(object)
    restored = Signal(str)
    duplicates_found = Signal(list)
    disk_measured = Signal(object)
    folders_changed = Signal()
    told = Signal(str)


class FakeDownloads(QObject):
    """The same signals and verbs as `desktop.session.download_keeper.DownloadKeeper`."""

    entry_changed = Signal(object)
    entry_gone = Signal(int)
    completed = Signal(object)
    base_found = Signal(str, object)
    refused = Signal(str)


class FakeHubSearcher(QObject):
    """The same signals and verbs as `desktop.session.hub_searcher.HubSearcher`."""

    hits_found = Signal(object)
    told = Signal(str)
    failed = Signal(str)


class FakeFolders(QObject):
    """The same signals and verbs as `desktop.session.folder_keeper.FolderKeeper`."""

    refused = Signal(str)
    looked = Signal(object)
    copied = Signal(str, float)
    taken = Signal(str, object)
    linked_listed = Signal(list)
    folders_changed = Signal()


LIBRARY_VERBS = {
    FakeShelf: (
        "shut_down", "take_models", "take_adapters", "open_shelf", "know_loaded", "know_report", "keep_tags",
        "keep_favourite", "read_card",
    ),
    FakeChanger: (
        "shut_down", "know_adapters", "know_wanted", "know_loaded", "forget_wanted", "forget_loaded", "know_rows",
        "know_quantized", "forget_quantized",
        "look_at", "rename", "move", "delete", "restore", "empty_trash", "find_duplicates", "measure",
    ),
    FakeDownloads: ("begin", "tell_all", "add", "look_again", "pause", "resume", "cancel", "shut_down"),
    FakeHubSearcher: ("know_loaded", "forget_loaded", "search", "stop", "shut_down"),
    FakeFolders: ("look", "take", "forget", "list_linked", "stop", "shut_down"),
}  # fmt: skip
PREFIXES = {
    FakeShelf: "shelf.", FakeChanger: "changer.", FakeDownloads: "downloads.", FakeHubSearcher: "hub.",
    FakeFolders: "folders.",
}  # fmt: skip
"""Before a verb's name in the list of what was asked."""


class FakeLibrary:
    """The keepers of `desktop.session.library_keepers.LibraryKeepers`; what is asked of them goes to a list."""

    def __init__(self, asked):
        keepers = [kind() for kind in LIBRARY_VERBS]
        self.shelf, self.changer, self.downloads, self.hub, self.folders = keepers
        for keeper in keepers:
            keeper.asked = asked


def _verb(name, prefix):
    def verb(self, *args):
        self.asked.append((prefix + name, args))

    verb.__name__ = name  # PySide looks a slot up by it
    return verb


for _kind, _names in LIBRARY_VERBS.items():
    for _name in _names:
        setattr(_kind, _name, _verb(_name, PREFIXES[_kind]))
