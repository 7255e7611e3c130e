"""The facts about the selected adapter: asked for when it is selected, shown in full, and never another one's."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel

from desktop.library.fit import Fit
from desktop.session.plans import State
from tests.ui import gallery
from tests.ui.hands import press, sees, words

PIRATE, OTHER = gallery.rows()[:2]


@pytest.fixture
def shown(ready, session):
    """The window with the pirate selected and looked into."""
    ready.stack._select(PIRATE.id)
    session.adapter_inspected.emit(PIRATE.path, gallery.inspection(PIRATE))
    return ready


def facts(window):
    return words(window.details.facts)


def asked(session):
    return [args[0] for name, args in session.asked if name == "inspect_adapter"]


def test_it_is_asked_for_once_as_often_as_it_is_selected(ready, session):
    for row in (PIRATE, OTHER, PIRATE):
        ready.stack._select(row.id)
    session.stack_changed.emit(gallery.report())
    assert asked(session) == [PIRATE.path, OTHER.path]
    assert session.last("judge_fit") == (OTHER.path,)


def test_after_the_library_was_listed_anew_it_is_asked_for_again(shown, session):
    gallery.library(session)
    assert asked(session) == [PIRATE.path, PIRATE.path]
    assert "4,884,480" in facts(shown), "what was known is gone until the answer comes"


def test_what_the_list_tells_is_there_before_the_rest(ready, session):
    ready.stack._select(PIRATE.id)
    assert "q_proj, v_proj" in facts(ready)
    assert "4,884,480" not in facts(ready)
    session.adapter_inspected.emit(PIRATE.path, gallery.inspection(PIRATE))
    for said in ("rsLoRA", "8, 16 (down_proj 8)", "8, 11.31", "30: 0-29", "4,884,480", "0.19.1", "apache-2.0"):
        assert said in facts(ready)
    assert "1,200 of 2,400 steps, 3 epochs, loss 1.234, evaluation loss 1.31" in facts(ready)


def test_those_of_another_do_not_come_up(shown, session):
    session.adapter_inspected.emit(OTHER.path, gallery.inspection(OTHER, parameters=7))
    assert "4,884,480" in facts(shown)
    shown.stack._select(OTHER.id)
    assert "4,884,480" not in facts(shown)
    assert gallery.LONG in facts(shown)


def test_a_broken_one_says_why(shown, session):
    words = ("It has no weights.", "It has no configuration.")
    session.adapter_inspected.emit(PIRATE.path, gallery.inspection(PIRATE, problems=words))
    assert "It has no weights. It has no configuration." in facts(shown)


def test_what_could_not_be_read_is_a_note(shown, session):
    session.adapter_inspected.emit(PIRATE.path, gallery.inspection(PIRATE, notes=("README.md can't be read.",)))
    assert "README.md can't be read." in facts(shown)


def test_the_verdict_is_about_the_model_that_is_loaded(shown, session):
    session.fit_judged.emit(PIRATE.path, "/another", Fit("fits"))
    assert not any(label.isVisible() for label in shown.details.findChildren(QLabel) if label.text() == "verdict")
    session.fit_judged.emit(PIRATE.path, gallery.MODEL, Fit("misfit", "its q_proj is 4096 wide, this model has 576"))
    assert "does not fit: its q_proj is 4096 wide, this model has 576" in facts(shown)
    session.become(State.EMPTY)
    session.model_unloaded.emit()
    assert "4096 wide" not in facts(shown)
    assert "210 of 210" not in facts(shown)


def test_all_of_it_can_be_copied(shown):
    press(shown, "Copy facts")
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "pirate"
    assert f"sha256: {gallery.inspection(PIRATE).content_hash}" in lines
    assert "attached to: 210 of 210" in lines
    assert lines[-1] == f"folder: {PIRATE.path}"


def test_values_can_be_selected_and_are_plain_text(shown, session):
    hostile = gallery.inspection(PIRATE, base_model=gallery.HOSTILE, target_modules=(gallery.HOSTILE,))
    session.adapter_inspected.emit(PIRATE.path, hostile)
    assert facts(shown)
    marked = [label for label in shown.details.facts.findChildren(QLabel) if "<" in label.text()]
    assert len(marked) == 2
    for label in marked:
        assert label.textFormat() is Qt.TextFormat.PlainText
        assert label.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse


def test_without_a_row_there_is_nothing(shown, session):
    shown.details.facts.show_row(None, gallery.report())
    assert not sees(shown, "Copy facts")
    session.adapter_inspected.emit(PIRATE.path, gallery.inspection(PIRATE))
    assert not sees(shown, "Copy facts")


def test_nothing_that_is_long_widens_the_panel(shown, session):
    before = shown.details.facts.minimumSizeHint().width()
    long = msgspec.structs.replace(gallery.inspection(PIRATE), base_model="x" * 500, settings={"y" * 500: "z" * 500})
    session.adapter_inspected.emit(PIRATE.path, long)
    assert "x" * 500 in facts(shown)
    assert shown.details.facts.minimumSizeHint().width() == before
