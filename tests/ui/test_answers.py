"""The answers: they stream, are compared side by side, stay text whatever they hold, and come back."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit, QTextBrowser

from desktop.engine.messages import Segment
from desktop.session.plans import Problem, State
from desktop.session.saved import Saved
from tests.ui import gallery
from tests.ui.hands import find, press, sees, type_text, until, words

LEFT, RIGHT = "Conversation", "Base alone"
ASKED = "You\nWhere is Paris?\n\nReply"


def column(window, name=LEFT):
    """What a column says, once it is laid out."""
    if name == RIGHT:
        return find(window, name, QPlainTextEdit).toPlainText()
    text = find(window, name, QTextBrowser)
    until(text.is_settled)
    return text.text()


def last_text(window):
    return window.chat.conversation.turns[-1].text


@pytest.fixture
def asked(ready, session):
    """A prompt was sent."""
    type_text(find(ready, "Prompt"), "Where is Paris?")
    press(ready, "Send")
    session.become(State.ANSWERING)
    return ready


@pytest.fixture
def comparing(ready, session):
    """A prompt was sent to be compared."""
    type_text(find(ready, "Prompt"), "Where is Paris?")
    press(ready, "Compare with base")
    session.become(State.ANSWERING)
    return ready


def test_an_answer_grows_under_its_prompt(asked, session):
    assert column(asked) == ASKED
    session.answer_grew.emit(0, "In ", 1)
    assert column(asked) == f"{ASKED}\nIn"
    session.answer_grew.emit(0, "France.", 2)
    assert column(asked) == f"{ASKED}\nIn France."
    assert "3 tokens" in words(asked.job_bar)
    assert "Answering" in words(asked.job_bar)


def test_what_came_of_it_stands_below(asked, session):
    session.answer_grew.emit(0, "In France.", 3)
    session.answer_ended.emit(gallery.answer("Where is Paris?", "In France."))
    session.become(State.READY)
    notes = "SmolLM2-135M + pirate 0.8 + " + gallery.LONG + " -0.35 · 42 tokens · 48.2 tokens/s · seed 271828"
    assert column(asked) == f"{ASKED}\nIn France.\n{notes}"
    assert "48.2 tokens/s · 73 of 8,192 tokens" in words(asked.job_bar)


@pytest.mark.parametrize(
    ("reason", "said"),
    [("cancelled", "stopped"), ("length", "cut at the longest answer"), ("context", "the context is full")],
)
def test_an_answer_that_was_cut_says_so(asked, session, reason, said):
    whole = gallery.answer("Where is Paris?", "In")
    side = msgspec.structs.replace(whole.with_stack, finish_reason=reason)
    session.answer_ended.emit(msgspec.structs.replace(whole, with_stack=side))
    assert column(asked).endswith(f" · {said}")


def test_a_stack_that_changed_meanwhile_is_told(asked, session):
    whole = gallery.answer("Where is Paris?", "In")
    parts = (Segment(0, gallery.rows()), Segment(17, ()))
    side = msgspec.structs.replace(whole.with_stack, segments=parts)
    session.answer_ended.emit(msgspec.structs.replace(whole, with_stack=side))
    assert "the stack changed after 17 tokens" in column(asked)


def test_the_columns_are_side_by_side(comparing, session):
    session.answer_grew.emit(0, "Arr, Paris!", 4)
    session.answer_grew.emit(1, "Paris.", 2)
    assert column(comparing, LEFT) == f"{ASKED}\nArr, Paris!"
    assert column(comparing, RIGHT) == "Where is Paris?\nParis."
    left, right = find(comparing, LEFT), find(comparing, RIGHT)
    QTest.qWait(10)
    assert abs(left.width() - right.width()) < 0.2 * left.width()
    assert "Base alone" in words(comparing).split("\n")


def test_the_next_answer_alone_has_one_column(comparing, session):
    session.answer_ended.emit(gallery.answer("Where is Paris?", "Arr!", "Paris."))
    session.become(State.READY)
    assert sees(comparing, RIGHT)
    type_text(find(comparing, "Prompt"), "And now?")
    press(comparing, "Send")
    assert not sees(comparing, RIGHT)


def test_what_a_model_writes_is_text(asked, session):
    session.answer_grew.emit(0, gallery.HOSTILE + "\0\u202e", 9)
    assert gallery.HOSTILE + "\N{REPLACEMENT CHARACTER}" in column(asked)
    session.answer_ended.emit(gallery.answer("Where is Paris?", gallery.HOSTILE))
    assert column(asked).count("<img src=") == 1


def test_a_line_without_end_is_shown_broken_and_kept_whole(asked, session):
    for _ in range(30):
        session.answer_grew.emit(0, "x" * 1000, 100)
    assert max(len(line) for line in column(asked).split("\n")) == 500
    assert column(asked).count("x") == 30_000
    assert last_text(asked) == "x" * 30_000


def test_a_failed_answer_keeps_what_came(asked, session):
    session.answer_grew.emit(0, "In Fr", 2)
    problem = Problem(sentence="The loader raised ValueError: no more.", detail="Traceback ...")
    session.answer_failed.emit(problem, gallery.answer("Where is Paris?", "In Fr"))
    session.become(State.READY)
    assert "In Fr" in column(asked)
    assert problem.sentence in column(asked)
    assert asked.place.banner.sentence() == problem.sentence


def test_the_history_comes_back(make_window):
    kept = (gallery.answer("First?", "Aye."), gallery.answer("Second?", "No.", "Yes."))
    window = make_window(Saved(theme="light", answers=kept))
    assert "First?\n\nReply\nAye.\n" in column(window)
    assert "Second?\n\nReply\nNo.\n" in column(window)
    assert "Yes." in column(window, RIGHT)
    assert [turn.text for turn in window.chat.conversation.turns] == ["First?", "Aye.", "Second?", "No."]


def test_a_running_answer_is_saved_as_far_as_it_came(asked, session):
    session.answer_grew.emit(0, "In Fr", 2)
    asked.gather()
    (kept,) = session.last("keep")
    assert [turn.text for turn in kept.turns] == ["Where is Paris?", "In Fr"]


def test_a_new_conversation_keeps_the_old_one(ready, session):
    session.answer_ended.emit(gallery.answer("First?", "Aye."))
    assert "Aye." in column(ready)
    ready.menus.clear.trigger()
    assert "Aye." not in words(ready)
    assert session.last("keep")[0].turns[-1].text == "Aye."
    assert ready.gather().conversation == ""


def test_reading_back_is_not_torn_away(asked, session):
    text = find(asked, LEFT, QTextBrowser)
    session.answer_grew.emit(0, "line\n\n" * 500, 500)
    until(text.is_settled)
    bar = text.verticalScrollBar()
    assert bar.value() == bar.maximum(), "the newest words are out of sight"
    bar.triggerAction(bar.SliderAction.SliderToMinimum)
    session.answer_grew.emit(0, "line\n\n" * 50, 50)
    until(text.is_settled)
    assert bar.value() == 0
