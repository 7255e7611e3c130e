"""The order of the stack: by dragging a name, by Alt with the arrow keys, and from the row's menu."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QSlider

from desktop.api import Lora
from desktop.ui.row_name import RowName
from tests.ui.hands import find, key, name_of, press, words

ALT = Qt.KeyboardModifier.AltModifier
NAMES = ("one", "two", "three")


@pytest.fixture
def stacked(window):
    """Three adapters on the stack."""
    window.begin(None, tuple(Lora(id=f"ad_{name}", name=name, path=f"/loras/{name}") for name in NAMES))
    QTest.qWait(1)
    return window


def order(session):
    return [row.name for row in session.last("set_rows")[0]]


def in_sight(window):
    """The names from the top to the bottom."""
    QApplication.processEvents()
    shown = [one for one in window.stack.findChildren(RowName) if one.isVisible()]
    return [one.whole() for one in sorted(shown, key=lambda one: one.mapTo(window, QPoint()).y())]


def name_in(window, name):
    return next(one for one in window.stack.findChildren(RowName) if one.isVisible() and one.whole() == name)


def marks(window):
    mark = window.stack._list._mark
    return [mark] if mark.isVisible() else []


def drag(window, name, onto, below, drop=True):
    """Drag a row by its name to just above or below the middle of another one."""
    grip, other = name_in(window, name), name_in(window, onto).parentWidget()
    there = grip.mapFromGlobal(other.mapToGlobal(other.rect().center() + QPoint(0, 8 if below else -8)))
    QTest.mousePress(grip, Qt.MouseButton.LeftButton, pos=QPoint(4, 4))
    QTest.mouseMove(grip, QPoint(4, 16))
    QTest.mouseMove(grip, there)
    if drop:
        QTest.mouseRelease(grip, Qt.MouseButton.LeftButton, pos=there)


@pytest.mark.parametrize(
    ("name", "onto", "below", "after"),
    [
        ("one", "three", True, ["two", "three", "one"]),
        ("one", "three", False, ["two", "one", "three"]),
        ("three", "one", False, ["three", "one", "two"]),
        ("two", "one", False, ["two", "one", "three"]),
    ],
)
def test_a_row_is_dragged_by_its_name(stacked, session, name, onto, below, after):
    drag(stacked, name, onto, below)
    assert order(session) == after
    assert in_sight(stacked) == after
    assert not marks(stacked)


def test_a_mark_shows_where_it_would_go(stacked, session):
    drag(stacked, "one", "three", True, drop=False)
    (mark,) = marks(stacked)
    last = name_in(stacked, "three").parentWidget()
    assert mark.mapTo(stacked, QPoint()).y() >= last.mapTo(stacked, last.rect().bottomLeft()).y()
    assert order(session) == list(NAMES), "it moved before it was dropped"
    QTest.mouseRelease(name_in(stacked, "one"), Qt.MouseButton.LeftButton)


def test_escape_gives_a_drag_up(stacked, session):
    drag(stacked, "one", "three", True, drop=False)
    key(stacked, Qt.Key.Key_Escape)
    assert not marks(stacked)
    QTest.mouseRelease(name_in(stacked, "one"), Qt.MouseButton.LeftButton)
    assert in_sight(stacked) == list(NAMES)
    assert session.last("cancel") is None, "it ended a job as well"


def test_a_row_taken_off_while_it_is_dragged_drops_nowhere(stacked, session):
    drag(stacked, "one", "three", True, drop=False)
    stacked.stack._on_removal_requested("ad_one")
    assert not marks(stacked)
    assert in_sight(stacked) == ["two", "three"]


def test_a_click_on_a_name_moves_nothing(stacked, session):
    before = len(session.asked)
    QTest.mouseClick(name_in(stacked, "two"), Qt.MouseButton.LeftButton)
    assert not [verb for verb, _ in session.asked[before:] if verb == "set_rows"]
    assert "/loras/two" in words(stacked.details.facts)


@pytest.mark.parametrize("control", ["{} acts", "Weight of {}", "Weight of {} as a number", "More about {}"])
def test_alt_and_an_arrow_move_the_row_that_has_the_keyboard(stacked, session, control):
    focused = find(stacked, control.format("one"))
    focused.setFocus()
    key(stacked, Qt.Key.Key_Down, ALT)
    assert order(session) == ["two", "one", "three"]
    assert QApplication.focusWidget() is focused
    key(stacked, Qt.Key.Key_Down, ALT)
    assert in_sight(stacked) == ["two", "three", "one"]
    asked = len(session.asked)
    key(stacked, Qt.Key.Key_Down, ALT)
    assert len(session.asked) == asked, "there is no place below the last"
    key(stacked, Qt.Key.Key_Up, ALT)
    assert order(session) == ["two", "one", "three"]
    assert {row.weight for row in session.last("set_rows")[0]} == {1.0}


def test_tab_follows_the_order_that_is_shown(stacked):
    find(stacked, "one acts").setFocus()
    key(stacked, Qt.Key.Key_Down, ALT)
    stacked.stack._on_removal_requested("ad_three")
    stacked.stack.add("/loras/four")
    find(stacked, "two acts").setFocus()
    reached = []
    for _ in range(18):
        reached.append(name_of(QApplication.focusWidget()))
        key(stacked, Qt.Key.Key_Tab)
    assert [name for name in reached if name.endswith("acts")] == ["two acts", "one acts", "four acts"]
    assert reached[:6] == [
        "two acts", "Solo two", "More about two", "Take two off", "Weight of two", "Weight of two as a number",
    ]  # fmt: skip


def test_the_menu_moves_a_row(stacked, session):
    press(stacked, "More about one")
    menu = stacked.stack._menu
    actions = {action.text().partition("\t")[0].replace("&", ""): action for action in menu.actions()}
    assert not actions["Move up"].isEnabled()
    actions["Move down"].trigger()
    menu.close()
    assert order(session) == ["two", "one", "three"]


def test_the_menu_key_opens_the_same_menu(stacked):
    tick = find(stacked, "two acts", QCheckBox)
    at = tick.rect().center()
    QApplication.sendEvent(tick, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, at, tick.mapToGlobal(at)))
    menu = stacked.stack._menu
    assert QApplication.activePopupWidget() is menu
    letters = [action.text().lower().split("&")[1][0] for action in menu.actions() if action.text()]
    assert len(set(letters)) == len(letters)
    menu.close()


def test_taking_off_by_keyboard_leaves_the_keyboard_in_the_stack(stacked):
    find(stacked, "Take two off").setFocus()
    key(stacked, Qt.Key.Key_Space)
    assert name_of(QApplication.focusWidget()) == "three acts"
    find(stacked, "Weight of three", QSlider).setFocus()
