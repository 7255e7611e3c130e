"""Failures: a sentence in sight, details folded, copied, tried again; nothing modal, nothing lost."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from desktop.session.plans import Problem, State
from tests.ui import gallery
from tests.ui.hands import find, press, sees, type_text, words

PROBLEM = Problem(sentence="The file is cut short.", detail="Traceback: line 1\nline 2", can_retry=True)


def test_a_failed_load_says_why_with_the_details_folded(window, session):
    gallery.library(session)
    session.load_failed.emit(PROBLEM)
    assert PROBLEM.sentence in words(window)
    assert "line 2" not in words(window)
    press(window.place, "Details")
    assert PROBLEM.detail in words(window)
    press(window.place, "Details")
    assert "line 2" not in words(window)
    assert QApplication.activeModalWidget() is None


def test_copy_takes_sentence_and_details(window, session):
    session.load_failed.emit(PROBLEM)
    press(window, "Copy")
    assert QGuiApplication.clipboard().text() == "The file is cut short.\n\nTraceback: line 1\nline 2"


def test_try_again_loads_what_is_chosen(window, session):
    gallery.library(session)
    session.load_failed.emit(PROBLEM)
    press(window, "Try again")
    assert session.last("load")[0].path == gallery.MODEL
    assert PROBLEM.sentence not in words(window)


def test_where_trying_again_makes_no_sense_it_is_not_offered(window, session):
    session.load_failed.emit(Problem(sentence="No."))
    assert not sees(window, "Try again")
    assert not sees(window.place, "Details")
    press(window, "Dismiss")
    assert "No." not in words(window)


def test_a_lost_engine_offers_to_start_again(ready, session):
    type_text(find(ready, "Prompt"), "Ahoy?")
    before = ready.stack.rows()
    session.become(State.LOST)
    sentence = "The engine stopped: it was killed. Your text and your stack are kept."
    session.engine_lost.emit(Problem(sentence=sentence, can_retry=True))
    assert sentence in words(ready)
    assert "engine stopped" in words(ready)
    assert not find(ready, "Send").isEnabled()
    press(ready, "Start again")
    assert session.last("restart") == ()
    assert find(ready, "Prompt").toPlainText() == "Ahoy?"
    assert ready.stack.rows() == before


def test_changed_files_offer_to_load_again(ready, session):
    session.files_changed.emit("model.safetensors was changed after it was loaded.")
    assert "model.safetensors was changed" in words(ready)
    press(ready, "Load again")
    assert session.last("restart") == ()


def test_a_bug_is_told_too(ready, session):
    session.work_failed.emit("KeyError: 'x'", "Traceback")
    assert "Something went wrong inside the program: KeyError: 'x'. Your text and your stack are kept." in words(ready)
    press(ready.place, "Details")
    assert "Traceback" in words(ready)


def test_a_hostile_sentence_is_text(window, session):
    session.load_failed.emit(Problem(sentence=gallery.HOSTILE, detail=gallery.HOSTILE))
    press(window.place, "Details")
    assert words(window).count(gallery.HOSTILE) == 2


def test_a_disk_that_is_full_is_told(ready, session):
    session.save_failed.emit("What you typed could not be saved (No space left on device).")
    assert "No space left on device" in words(ready)


def test_the_next_load_takes_the_failure_away(window, session):
    gallery.library(session)
    session.load_failed.emit(PROBLEM)
    press(window, "Load")
    assert PROBLEM.sentence not in words(window)
