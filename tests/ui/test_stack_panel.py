"""The stack: adapters on and off, their weights and order, what came of attaching them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDoubleSpinBox, QLabel, QSlider

from desktop.api import AttachReceipt, Lora
from desktop.library.fit import Fit
from desktop.session.plans import Problem, StackReport, State
from tests.ui import gallery
from tests.ui.hands import click, find, key, press, sees, words

PIRATE = Lora(id="ad_1", name="pirate", path="/library/loras/pirate")
FRENCH = Lora(id="ad_2", name="french", path="/library/loras/french", weight=0.5)


@pytest.fixture
def stacked(window):
    """Two adapters on the stack, no model."""
    window.begin(None, (PIRATE, FRENCH))
    QTest.qWait(1)
    return window


def last_rows(session):
    return session.last("set_rows")[0]


def weights(session):
    return {row.name: row.weight for row in last_rows(session)}


def slider_of(window, name="pirate"):
    return find(window, f"Weight of {name}", QSlider)


def box_of(window, name="pirate"):
    return find(window, f"Weight of {name} as a number", QDoubleSpinBox)


def test_an_empty_stack_says_what_to_do(window):
    assert "No adapters yet. Press Add, or drop an adapter's folder here." in words(window)


def test_the_tick_switches_an_adapter(stacked, session):
    press(stacked, "pirate acts")
    assert [row.enabled for row in last_rows(session)] == [False, True]
    press(stacked, "pirate acts")
    assert [row.enabled for row in last_rows(session)] == [True, True]


def test_arrow_keys_move_the_weight_by_a_twentieth(stacked, session):
    slider_of(stacked).setFocus()
    key(stacked, Qt.Key.Key_Right)
    assert weights(session)["pirate"] == 1.05
    for _ in range(3):
        key(stacked, Qt.Key.Key_Left)
    assert weights(session) == {"pirate": 0.9, "french": 0.5}
    assert box_of(stacked).value() == 0.9


def test_a_double_click_sets_the_weight_to_one(stacked, session):
    QTest.mouseDClick(slider_of(stacked, "french"), Qt.MouseButton.LeftButton)
    assert weights(session)["french"] == 1.0


def test_the_slider_ends_at_minus_one_and_two(stacked, session):
    slider_of(stacked).setFocus()
    key(stacked, Qt.Key.Key_End)
    assert weights(session)["pirate"] == 2.0
    key(stacked, Qt.Key.Key_Home)
    assert weights(session)["pirate"] == -1.0


def test_the_box_takes_any_number(stacked, session):
    box = box_of(stacked)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "-12.75")
    key(box, Qt.Key.Key_Return)
    assert weights(session)["pirate"] == -12.75
    assert slider_of(stacked).value() == -100
    key(box, Qt.Key.Key_Up)
    assert weights(session)["pirate"] == -12.7


def test_half_a_number_is_not_sent(stacked, session):
    box = box_of(stacked)
    before = len(session.asked)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "1.7")
    assert not [verb for verb, _ in session.asked[before:] if verb == "set_rows"]
    slider_of(stacked, "french").setFocus()
    assert weights(session)["pirate"] == 1.7


def test_taking_off_leaves_the_others(stacked, session):
    press(stacked, "Take pirate off")
    assert last_rows(session) == (FRENCH,)
    press(stacked, "Take french off")
    assert last_rows(session) == ()
    assert "No adapters yet." in words(stacked)


def test_the_same_adapter_may_come_twice(stacked, session):
    stacked.stack.add(PIRATE.path)
    ids = [row.id for row in last_rows(session)]
    assert len(set(ids)) == 3


def test_a_receipt_says_what_was_matched(stacked, session):
    receipt = AttachReceipt(id="ad_1", name="pirate", rank=16, modules_matched=210, modules_targeted=210)
    session.stack_changed.emit(StackReport(rows=(PIRATE,), receipts=(receipt,)))
    assert "LoRA rank 16, 210 of 210 modules" in words(stacked)


def test_a_refused_one_says_why_and_the_others_stay(stacked, session):
    receipt = AttachReceipt(id="ad_1", name="pirate", rank=16, modules_matched=210, modules_targeted=210)
    problem = Problem(sentence="french does not fit: its q_proj is 4096 wide, this model has 576.")
    session.stack_changed.emit(StackReport(rows=(PIRATE,), receipts=(receipt,), problems={"ad_2": problem}))
    assert problem.sentence in words(stacked)
    assert "210 of 210 modules" in words(stacked)
    assert sees(stacked, "french acts")


def test_the_verdict_comes_before_attaching(window, session):
    gallery.library(session)
    session.become(State.READY, gallery.loaded())
    window.stack.add(PIRATE.path)
    assert session.last("judge_fit") == (PIRATE.path,)
    session.fit_judged.emit(PIRATE.path, gallery.MODEL, Fit("misfit", "its q_proj is 4096 wide, this model has 576"))
    assert "Does not fit: its q_proj is 4096 wide, this model has 576." in words(window)


def test_receipts_mean_nothing_without_a_model(stacked, session):
    receipt = AttachReceipt(id="ad_1", name="pirate", rank=16, modules_matched=210, modules_targeted=210)
    session.stack_changed.emit(StackReport(rows=(PIRATE,), receipts=(receipt,)))
    session.model_unloaded.emit()
    assert "210 of 210 modules" not in words(stacked)


def test_the_selected_one_has_its_facts_at_the_right(stacked, session):
    gallery.library(session)
    slider_of(stacked).setFocus()
    QTest.qWait(1)
    assert "q_proj, v_proj" in words(stacked.details)
    assert "HuggingFaceTB/SmolLM2-135M-Instruct" in words(stacked.details)
    assert PIRATE.path in words(stacked.details)


def test_names_are_text_whatever_they_hold(window):
    rows = (Lora(id="ad_1", name=gallery.HOSTILE, path="/h"), Lora(id="ad_2", name=gallery.LONG * 5, path="/l"))
    window.begin(None, rows)
    QTest.qWait(20)
    assert gallery.HOSTILE in words(window.stack)
    assert gallery.LONG * 5 in words(window.stack)
    marked = [label for label in window.stack.findChildren(QLabel) if "<" in label.text()]
    assert all(label.textFormat() is Qt.TextFormat.PlainText for label in marked)
    for button in window.stack.findChildren(QAbstractButton):
        if button.isVisible():
            assert button.visibleRegion().boundingRect().size() == button.size(), button.accessibleName()


def test_a_wheel_over_a_weight_moves_nothing(stacked, session):
    slider = slider_of(stacked)
    stacked.place.box.focus()
    before = len(session.asked)
    at = QPointF(slider.rect().center())
    event = QWheelEvent(
        at, slider.mapToGlobal(at), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(slider, event)
    assert not [verb for verb, _ in session.asked[before:] if verb == "set_rows"]


def test_a_click_on_a_row_selects_it(stacked):
    click(slider_of(stacked, "french").parentWidget(), None)
    assert "/library/loras/french" in words(stacked.details)
