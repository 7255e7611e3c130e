"""What a user does and sees: real clicks and keys on controls found by their names, and the words on the screen."""

from __future__ import annotations

import time

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QStyle,
    QStyleOptionButton,
    QTextBrowser,
    QWidget,
)

from desktop.ui import theme

SOON = 20.0
"""Seconds within which anything that is due must have come, on a busy machine."""
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NOTHING = Qt.KeyboardModifier.NoModifier


def name_of(widget):
    """What a screen reader calls it: its own name, its text, or its label's."""
    own = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
    if own:
        return own.replace("&", "")
    buddies = (label.text() for label in widget.window().findChildren(QLabel) if label.buddy() is widget)
    return next(buddies, "")


def find(root, name, kind=QWidget):
    """The visible control of that name; there must be one alone."""
    QApplication.processEvents()
    found = [one for one in root.findChildren(kind) if one.isVisible() and name_of(one) == name]
    assert len(found) == 1, f"{len(found)} controls are called {name!r}"
    return found[0]


def sees(root, name, kind=QWidget):
    """Whether a control of that name is in sight."""
    QApplication.processEvents()
    return any(one.isVisible() and name_of(one) == name for one in root.findChildren(kind))


def click(widget, at=None):
    """A click with the left button, on the box of a check box, else in the middle or at a place."""
    assert widget.isEnabled(), f"{name_of(widget)} is greyed out"
    if isinstance(widget, QCheckBox):
        option = QStyleOptionButton()
        widget.initStyleOption(option)
        at = widget.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, widget).center()
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, NOTHING, at or QPoint())


def press(root, name):
    """Click the button of that name."""
    click(find(root, name, QAbstractButton))


def key(widget, which, modifiers=NOTHING):
    """A key on the widget that has the keyboard, or on this one."""
    focus = QApplication.focusWidget()
    QTest.keyClick(focus if focus and focus.window() is widget.window() else widget, which, modifiers)


def type_text(widget, text):
    """Put the keyboard on a widget and type; what no keyboard has comes from an input method."""
    widget.setFocus()
    if text.isascii():
        QTest.keyClicks(widget, text)
        return
    event = QInputMethodEvent()
    event.setCommitString(text)
    QApplication.sendEvent(widget, event)


def choose(box, text):
    """Choose an entry of a combo box by the keyboard; one that is greyed out can't be chosen."""
    box.setFocus()
    row = box.findText(text)
    assert row >= 0, f"{text!r} is not offered"
    seen = set()
    while (now := box.currentIndex()) != row:
        assert now not in seen, f"{text!r} can't be reached"
        seen.add(now)
        QTest.keyClick(box, Qt.Key.Key_Down if row > now else Qt.Key.Key_Up)


def words(root):
    """Everything that can be read: labels, buttons, texts; elided ones as their tooltip has them."""
    QApplication.processEvents()
    seen = []
    for widget in root.findChildren(QWidget):
        if not widget.isVisible():
            continue
        if isinstance(widget, theme.Elided):
            seen.append(widget.whole())
        elif isinstance(widget, QLabel | QAbstractButton | QLineEdit):
            seen.append(widget.text())
        elif isinstance(widget, QPlainTextEdit):
            seen.append(widget.toPlainText())
        elif isinstance(widget, QTextBrowser):
            seen.append(widget.text() if hasattr(widget, "text") else widget.toPlainText())
        elif isinstance(widget, QComboBox):
            seen.append(widget.currentText())
    return "\n".join(text for text in seen if text)


def until(true, seconds=SOON):
    """Let the window live until a condition holds; fails if it doesn't in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it didn't come true in time"
        QTest.qWait(5)


def until_said(root, text, seconds=SOON):
    """Let the window live until it says something."""
    try:
        until(lambda: text in words(root), seconds)
    except AssertionError:
        raise AssertionError(f"{text!r} is not among:\n{words(root)}") from None
