"""The library's keepers of the window's tests have the very signals and verbs of the real ones."""

from __future__ import annotations

import inspect

import pytest
from PySide6.QtCore import QObject, Signal

from desktop.session.download_keeper import DownloadKeeper
from desktop.session.folder_keeper import FolderKeeper
from desktop.session.hub_searcher import HubSearcher
from desktop.session.shelf_changer import ShelfChanger
from desktop.session.shelf_keeper import ShelfKeeper
from tests.ui.fake_library import LIBRARY_VERBS, FakeChanger, FakeDownloads, FakeFolders, FakeHubSearcher, FakeShelf

PAIRS = [
    (ShelfKeeper, FakeShelf),
    (ShelfChanger, FakeChanger),
    (DownloadKeeper, FakeDownloads),
    (HubSearcher, FakeHubSearcher),
    (FolderKeeper, FakeFolders),
]


def members(kind):
    own = [base for base in kind.__mro__ if base.__module__.startswith(("desktop", "tests"))]
    return {name: what for base in reversed(own) for name, what in vars(base).items()}


@pytest.mark.parametrize(("kind", "fake"), PAIRS)
def test_signals_and_verbs_are_the_same(kind, fake):
    def signals(of):
        return {name: str(what).partition("(")[2] for name, what in members(of).items() if isinstance(what, Signal)}

    assert signals(fake) == signals(kind)
    public = {name for name, what in members(kind).items() if inspect.isfunction(what) and name[0] != "_"}
    assert set(LIBRARY_VERBS[fake]) == public - {name for name, _ in inspect.getmembers(QObject)}
