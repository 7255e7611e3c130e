"""A folder of text-generation-webui in the session: looked at, used, copied, forgotten, and everything told of it."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QFileDialog, QMainWindow

from desktop.ui.textgen_desk import TextgenDesk
from tests.library.textgen_making import make_textgen
from tests.ui.hands import find, press, until, until_said


@pytest.fixture
def heard(session):
    """What is told, by the signal's name."""
    told = {}
    signals = {
        session.library.folders: ("looked", "taken", "linked_listed", "refused", "copied"),
        session: ("models_listed", "adapters_listed"),
        session.prompts: ("templates_listed", "presets_listed"),
        session.training: ("data_listed",),
    }
    for keeper, names in signals.items():
        for name in names:
            getattr(keeper, name).connect(lambda *args, name=name: told.setdefault(name, []).append(args))
    return told


@pytest.fixture
def report(session, heard, tmp_path):
    root = make_textgen(tmp_path / "webui", newer=True)
    session.library.folders.look(str(root))
    until(lambda: "looked" in heard)
    return heard["looked"][0][0]


def test_everything_is_listed_anew_when_it_is_used_and_forgotten(session, heard, report):
    session.library.folders.take(report, False)
    until(lambda: "data_listed" in heard and "presets_listed" in heard and "adapters_listed" in heard)
    assert heard["taken"][0] == (f"{report.folder} is used in place from now on.", ())
    assert [(one.path, one.there) for one in heard["linked_listed"][0][0]] == [(report.folder, True)]
    assert [one.name for one in heard["adapters_listed"][-1][0]] == ["pirate v1.5"]
    assert [one.name for one in heard["models_listed"][-1][0]] == ["llama é"]
    assert [one.name for one in heard["data_listed"][-1][0]] == ["sea.json"]
    assert "sailor" in [one.name for one in heard["data_listed"][-1][1]]
    assert heard["presets_listed"][-1][0][-1].name == "simple-1"
    assert [one.name for one in heard["templates_listed"][-1][0]] == ["Talk"]
    session.library.folders.forget(report.folder)
    until(lambda: len(heard["adapters_listed"]) > 1 and len(heard["data_listed"]) > 1)
    assert heard["adapters_listed"][-1][0] == []
    assert heard["data_listed"][-1][0] == []
    assert heard["linked_listed"][-1] == ([],)


def test_copied_with_progress(session, heard, report, home):
    session.library.folders.take(report, True)
    until(lambda: "adapters_listed" in heard)
    assert heard["taken"] == [(f"Copied into {home.root}: 6.", ())]
    assert {name for name, _ in heard["copied"]} >= {"llama é", "pirate v1.5"}
    assert [one.path for one in heard["adapters_listed"][-1][0]] == [str(home.loras / "pirate v1.5")]


def test_what_is_none_is_refused(session, heard, tmp_path):
    session.library.folders.look(str(tmp_path))
    until(lambda: "refused" in heard)
    assert "is no folder of text-generation-webui" in heard["refused"][0][0]
    session.library.folders.list_linked()
    until(lambda: "linked_listed" in heard)
    assert heard["linked_listed"] == [([],)]


def test_by_clicks_on_the_real_keeper(session, heard, tmp_path, monkeypatch):
    root = make_textgen(tmp_path / "webui", newer=False)
    window = QMainWindow()
    desk = TextgenDesk(window, session.library.folders)
    desk.ask()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(root))
    press(desk.dialog, "Choose a folder...")
    until_said(desk.dialog, "It holds 1 model, 1 adapter")
    press(desk.dialog, "Use this folder")
    until_said(desk.dialog, "is used in place from now on.")
    until(lambda: "adapters_listed" in heard)
    until(lambda: find(desk.dialog, "Folders that are used in place").count() == 1)
    press(desk.dialog, "Forget it")
    until(lambda: len(heard["adapters_listed"]) == 2)
    assert [len(args[0]) for args in heard["adapters_listed"]] == [1, 0]
    desk.dialog.close()
    window.deleteLater()
