"""Quantising from the window with a real engine and a tiny model, from the click to the copy in the library."""

from __future__ import annotations

import pytest

from desktop.library.quantising import read_quantize_facts
from desktop.library.settings import Settings
from desktop.library.sizes import size_in_words
from desktop.session.saved import Saved
from desktop.session.session import Session
from desktop.ui.main_window import MainWindow
from loader_kit.gptq_format import recognise
from tests import tiny
from tests.ui.conftest import end
from tests.ui.hands import choose, find, press, type_text, until, until_said, words
from tests.ui.test_library_place import column, pick, table

PATIENCE = 60.0
"""Seconds for what imports torch or loads a model, on a slow and busy machine."""
TEXT = "The quick brown fox jumps over the dog, and the dog lets it. The capital of France is Paris.\n"


@pytest.fixture
def shown(application, home, own_loaders, tmp_path, monkeypatch):
    """The window with a tiny model in its library, which is shown; a second thread would only wait for the first."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    tiny.make_model(home.models / "tiny")
    session = Session(home, Settings())
    monkeypatch.setattr(session, "warm_up", lambda: None)  # the engine for prompting is not this test's matter
    window = MainWindow(session, Saved(theme="light", place="library"))
    window.resize(1280, 800)
    window.show()
    window.begin(None, None)
    until(lambda: column(table(window)) == ["tiny"], PATIENCE)
    pick(window, "tiny")
    yield window
    end(window)
    session.shut_down()
    session.deleteLater()


def begin(window, tmp_path, lines):
    """Open the dialog by a click, give a text of so many lines, and press Quantise."""
    text = tmp_path / "calibration.txt"
    text.write_text(TEXT * lines, encoding="utf-8")
    press(window, "Quantise...")
    dialog = window.quantize_desk.dialog
    until(lambda: "become" in words(dialog), PATIENCE)
    choose(find(dialog, "Group size"), "32 inputs: most exact, largest")
    press(dialog, "Search for the best scales (MSE)")
    type_text(find(dialog, "Calibration text"), str(text))
    told = words(dialog)
    press(dialog, "Quantise")
    return told


def test_the_copy_comes_into_the_library_when_it_is_whole(shown, home, tmp_path):
    seen = []
    shown._session.models_listed.connect(lambda entries: seen.append({one.name: one.problem for one in entries}))
    told = begin(shown, tmp_path, 20)
    press(shown, "Delete...")
    until_said(shown.library.question, "It is being quantised. Wait until that has ended, or cancel it.", PATIENCE)
    press(shown.library.question, "Cancel")
    until_said(shown, "tiny is quantised: 329 kB became", PATIENCE)
    copy = home.models / "tiny-gptq-4bit-32g"
    assert sorted(path.name for path in home.models.iterdir()) == ["tiny", copy.name]
    found = recognise(copy)
    assert (found.bits, found.group_size, found.act_order) == (4, 32, False)
    size = read_quantize_facts(home.models / "tiny").bytes_after(4, 32)
    assert f"329 kB become {size_in_words(size)}. It takes less than a minute" in told
    until(lambda: column(table(shown)) == ["tiny", copy.name], PATIENCE)
    assert all(problem == "" for listed in seen for problem in listed.values())
    press(shown, "Show in the library")
    assert table(shown).chosen().name == copy.name
    assert table(shown).chosen().form == "GPTQ 4-bit, group size 32"
