"""Deleting, renaming and moving in the library's place, by clicks and keys: what is asked, refused and undone."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QMessageBox

from desktop.session.shelf_plans import ShelfLook
from tests.ui import library_states, version_states
from tests.ui.hands import find, key, press, type_text, words
from tests.ui.test_library_place import asked, pick, table


@pytest.fixture
def library(window, session):
    library_states.library_full(window, session)
    return window


def test_what_is_deleted_is_asked_for_and_can_be_undone(library, session):
    pick(library, "pirate")
    table(library).setFocus()
    key(library, Qt.Key.Key_Delete)
    path = library_states.items()[4].path
    assert asked(session, "changer.look_at") == [(path,)]
    question = library.library.question
    assert not find(question, "Move to trash").isEnabled()
    session.library.changer.looked.emit(ShelfLook(path=path, name="pirate", told=("Saved recipes (1): sea.",), size=5))
    assert "Saved recipes (1): sea." in words(question)
    press(question, "Move to trash")
    assert asked(session, "changer.delete") == [(path,)]
    library_states.library_undo(library, session)
    assert "pirate is in the trash" in words(library)
    press(library, "Undo")
    (trashed,) = asked(session, "changer.restore")[0]
    assert trashed.name == "pirate"


def test_what_is_in_use_cannot_be_deleted_and_says_why(library, session):
    library_states.library_refused(library, session)
    question = library.library.question
    assert "It is on the stack" in words(question)
    assert not find(question, "Move to trash").isEnabled()


def test_what_lies_elsewhere_is_only_read(library, session):
    pick(library, library_states.HOSTILE)
    for name in ("Rename...", "Move...", "Delete..."):
        assert not find(library, name).isEnabled()
    table(library).setFocus()
    key(library, Qt.Key.Key_Delete)
    assert "only read" in words(library)
    assert asked(session, "changer.look_at") == []


def test_renamed_by_a_key(library, session):
    pick(library, "pirate-run/checkpoint-200")
    table(library).setFocus()
    key(library, Qt.Key.Key_F2)
    names = library.library.names
    box = find(names, "Name", QLineEdit)
    assert box.text() == "checkpoint-200"
    type_text(box, "best/one")
    assert "can't be a folder's name" in words(names)
    assert not find(names, "Rename").isEnabled()
    box.selectAll()
    type_text(box, "best")
    press(names, "Rename")
    assert asked(session, "changer.rename") == [("/library/loras/pirate-run/checkpoint-200", "best")]


def test_a_checkpoint_of_a_run_is_compared_attached_and_taken_away(library, session):
    version_states.library_versions(library, session)
    assert table(library).chosen().name == "parrot/step-100"
    told = words(library)
    assert "step-50 (loss 2.417), step-100 (loss 1.862), step-150 (loss 1.731)" in told
    assert "parrot, step-50" in told
    assert "2026-11-25-parrot" in told
    press(library, "Add to stack")
    path = version_states.run_items()[2].path
    assert [(row.name, row.path) for row in library.stack.rows()] == [("parrot/step-100", path)]
    press(library, "Rename...")
    names = library.library.names
    assert "leaves its training, 2026-11-25-parrot, and becomes an adapter of its own" in words(names)
    find(names, "Name", QLineEdit).selectAll()
    type_text(find(names, "Name", QLineEdit), "best")
    refusal = "step-100: The training parrot would go on from it."
    session.library.changer.looked.emit(ShelfLook(path=path, name="step-100", refusal=refusal))
    assert refusal in words(names)
    assert not find(names, "Rename").isEnabled()
    session.library.changer.looked.emit(ShelfLook(path=path, name="step-100"))
    press(names, "Rename")
    assert asked(session, "changer.rename") == [(path, "best")]
    press(library, "Delete...")
    assert asked(session, "changer.look_at")[-1] == (path,)


def test_an_adapter_shows_the_versions_it_came_from(library, session):
    version_states.library_versions(library, session)
    table(library).choose(version_states.run_items()[0].path)
    assert "parrot, step-50 (loss 2.417)" in words(library)


def test_moved_into_the_folder_that_is_chosen(library, session, monkeypatch):
    monkeypatch.setattr("desktop.ui.library_desk.QFileDialog.getExistingDirectory", lambda *_: "/other/disk")
    pick(library, "pirate")
    press(library, "Move...")
    assert asked(session, "changer.move") == [(library_states.items()[4].path, "/other/disk")]


def test_duplicates_lead_to_the_list(library, session):
    library_states.library_duplicates(library, session)
    dialog = library.library.duplicates
    assert "19.6 MB are there more than once" in words(dialog)
    press(dialog, "Show in the library")
    assert table(library).chosen().name == "pirate"


def test_the_trash_is_emptied_only_after_a_question(library, session, monkeypatch):
    answers = iter([QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Yes])
    monkeypatch.setattr(QMessageBox, "question", lambda *_: next(answers))
    for expected in (0, 1):
        library.library.place.list._empty_action.trigger()
        assert len(asked(session, "changer.empty_trash")) == expected
