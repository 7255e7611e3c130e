"""What the user writes down about an adapter: a trigger text, its own weight, notes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QLineEdit, QPlainTextEdit

from desktop.api import Lora
from desktop.library.adapter_notes import AdapterNote, adapter_key
from desktop.ui.note_dialog import NoteDialog
from tests.ui.hands import find, key, press, type_text, words

PIRATE = Lora(id="ad_1", name="pirate", path="/loras/pirate", weight=0.8)
NOTE = AdapterNote(notes="Speaks like a sailor.", weight=0.6, trigger="arr matey")


@pytest.fixture
def stacked(window):
    """One adapter on the stack."""
    window.begin(None, (PIRATE,))
    QTest.qWait(1)
    return window


@pytest.fixture
def noted(stacked, session):
    """Something is kept about it."""
    session.notes_known.emit({adapter_key(PIRATE.path): NOTE})
    return stacked


def choose(window, text):
    """An entry of the row's menu."""
    press(window, "More about pirate")
    menu = window.stack._menu
    action = next(action for action in menu.actions() if action.text().replace("&", "") == text)
    enabled = action.isEnabled()
    action.trigger()
    menu.close()
    return enabled


def dialog_of(window):
    choose(window, "Notes and trigger...")
    return next(one for one in window.stack.findChildren(NoteDialog) if one.isVisible())


def test_the_notes_are_read_when_the_window_begins(window, session):
    assert session.last("read_notes") == ()


def test_what_is_written_down_is_kept(stacked, session):
    dialog = dialog_of(stacked)
    type_text(find(dialog, "Trigger text", QLineEdit), "arr matey ")
    find(dialog, "Starts at its own weight", QCheckBox).toggle()
    find(dialog, "The weight it starts with", QDoubleSpinBox).setValue(0.6)
    type_text(find(dialog, "Notes", QPlainTextEdit), "Speaks like a sailor.")
    press(dialog, "Save")
    assert session.last("keep_note") == (PIRATE.path, NOTE)
    assert find(stacked, "pirate acts").parentWidget().toolTip().splitlines() == [
        "pirate", "starts at weight 0.60", "trigger: arr matey", "Speaks like a sailor.",
    ]  # fmt: skip


def test_what_was_kept_is_shown_again(noted):
    dialog = dialog_of(noted)
    assert find(dialog, "Trigger text", QLineEdit).text() == "arr matey"
    assert find(dialog, "The weight it starts with", QDoubleSpinBox).value() == 0.6
    assert "Speaks like a sailor." in words(dialog)


def test_escape_keeps_nothing(noted, session):
    dialog = dialog_of(noted)
    type_text(find(dialog, "Trigger text", QLineEdit), "no")
    key(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert session.last("keep_note") is None


def test_an_adapter_starts_at_its_own_weight(noted, session):
    noted.stack.add(PIRATE.path)
    noted.stack.add("/loras/french")
    assert [row.weight for row in session.last("set_rows")[0]] == [0.8, 0.6, 1.0]


def test_its_own_weight_is_kept_from_the_row(noted, session):
    assert choose(noted, "Keep this weight as its own")
    path, note = session.last("keep_note")
    assert (path, note.weight, note.trigger) == (PIRATE.path, 0.8, NOTE.trigger)
    assert not choose(noted, "Keep this weight as its own"), "it has that weight already"


def test_the_trigger_text_goes_into_the_prompt(noted):
    noted.place.box.show_text("Hello")
    noted.place.box._edit.moveCursor(noted.place.box._edit.textCursor().MoveOperation.End)
    assert choose(noted, "Insert trigger text")
    assert noted.place.box.text() == "Hello arr matey "
    assert noted.place.box._edit.hasFocus()


def test_without_a_trigger_text_there_is_nothing_to_insert(stacked):
    assert not choose(stacked, "Insert trigger text")


def test_notes_that_cannot_be_kept_are_told(stacked, session):
    session.notes_failed.emit("The notes about adapters can't be kept (No space left on device: /home).")
    assert "No space left on device" in words(stacked)
