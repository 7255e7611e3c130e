"""The session of the window's tests has the very signals and verbs of the real one."""

from __future__ import annotations

import inspect

import pytest
from PySide6.QtCore import QObject, Signal

from desktop.session.download_keeper import DownloadKeeper
from desktop.session.hub_searcher import HubSearcher
from desktop.session.recipe_keeper import RecipeKeeper
from desktop.session.session import Session
from desktop.session.shelf_changer import ShelfChanger
from desktop.session.shelf_keeper import ShelfKeeper
from desktop.session.shelf_lane import ShelfLane
from tests.ui.fake_session import (
    CHANGER_VERBS,
    DOWNLOAD_VERBS,
    HUB_VERBS,
    RECIPE_VERBS,
    SHELF_VERBS,
    VERBS,
    FakeChanger,
    FakeDownloads,
    FakeHub,
    FakeRecipes,
    FakeSession,
    FakeShelf,
)

PAIRS = [
    (Session, FakeSession),
    (RecipeKeeper, FakeRecipes),
    (ShelfKeeper, FakeShelf),
    (ShelfChanger, FakeChanger),
    (DownloadKeeper, FakeDownloads),
    (HubSearcher, FakeHub),
]


def signals(kind):
    own = {**(vars(ShelfLane) if issubclass(kind, ShelfLane) else {}), **vars(kind)}
    return {name: str(signal) for name, signal in own.items() if isinstance(signal, Signal)}


def verbs(kind):
    inherited = vars(ShelfLane) if issubclass(kind, ShelfLane) else {}
    members = {**inherited, **vars(kind)}
    own = {name for name, what in members.items() if inspect.isfunction(what) and not name.startswith("_")}
    return own - {name for name, _ in inspect.getmembers(QObject)}


@pytest.mark.parametrize(("kind", "fake"), PAIRS)
def test_the_signals_are_the_same(kind, fake):
    real = {name: text.partition("(")[2] for name, text in signals(kind).items()}
    assert {name: text.partition("(")[2] for name, text in signals(fake).items()} == real


def test_the_verbs_are_the_same():
    assert set(VERBS) == verbs(Session)
    assert set(RECIPE_VERBS) == verbs(RecipeKeeper)
    assert set(SHELF_VERBS) == verbs(ShelfKeeper)
    assert set(CHANGER_VERBS) == verbs(ShelfChanger)
    assert set(DOWNLOAD_VERBS) == verbs(DownloadKeeper)
    assert set(HUB_VERBS) == verbs(HubSearcher)


def test_what_the_window_reads_is_there(application, tmp_path):
    fake = FakeSession(tmp_path)
    for name in ("home", "settings", "state", "loaded", "recipes", "shelf", "changer", "downloads", "hub"):
        assert hasattr(fake, name)
        assert f"self.{name}" in inspect.getsource(Session.__init__)
