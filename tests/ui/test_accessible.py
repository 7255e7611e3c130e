"""In every state of the window and its dialogs each control has a name, and Tab reaches each that can be used."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QScrollBar,
    QTextEdit,
    QWidget,
)

from tests.ui import gallery
from tests.ui.hands import key, name_of, until

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit,
    QProgressBar, QTextEdit,
)  # fmt: skip
COMPOSITES = (QAbstractSpinBox, QComboBox, QLineEdit)
"""Widgets whose inner parts are named by the whole."""


def is_inner(widget):
    """Whether it is a part of a composite widget of Qt's, which a screen reader knows by the whole."""
    if isinstance(widget, QScrollBar | QHeaderView) or widget.objectName().startswith("qt_"):
        return True
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, COMPOSITES):
            return True
        parent = parent.parentWidget()
    return False


def controls(root):
    """What can be seen and is no inner part."""
    widgets = root.findChildren(QWidget)
    return [one for one in widgets if one.isVisible() and isinstance(one, CONTROLS) and not is_inner(one)]


def about(window, session):
    window.dialogs.show_about()
    return next(one for one in window.children() if type(one).__name__ == "AboutDialog")


@pytest.fixture(params=[*gallery.STATES, about], ids=lambda act: act.__name__)
def shown(request, window, session):
    """The window or a dialog in one of its states."""
    target = request.param(window, session) or window
    target.activateWindow()
    until(target.isActiveWindow)
    QTest.qWait(20)
    return target


def test_every_control_has_a_name(shown):
    found = controls(shown)
    assert found
    nameless = [f"{type(one).__name__} in {type(one.parentWidget()).__name__}" for one in found if not name_of(one)]
    assert nameless == []


def test_a_name_says_more_than_a_sign(shown):
    signs = [name_of(one) for one in controls(shown) if not any(letter.isalpha() for letter in name_of(one))]
    assert signs == []


def test_tab_reaches_every_control_that_can_be_used(shown):
    wanted = {
        one for one in controls(shown) if one.isEnabled() and one.focusPolicy() is not Qt.FocusPolicy.NoFocus
    }  # fmt: skip
    reached = set()
    for _ in range(2 * len(wanted) + 20):
        key(shown, Qt.Key.Key_Tab)
        reached.add(QApplication.focusWidget())
    assert [name_of(one) for one in wanted - reached] == []


def test_whatever_can_be_clicked_can_be_reached_by_keyboard(shown):
    unreachable = [
        name_of(one)
        for one in controls(shown)
        if isinstance(one, QAbstractButton) and one.focusPolicy() is Qt.FocusPolicy.NoFocus
    ]
    assert unreachable == []


def test_every_menu_has_letters_of_its_own(window):
    for menu in [window.menuBar(), *(action.menu() for action in window.menuBar().actions())]:
        texts = [action.text() for action in menu.actions() if "&" in action.text()]
        letters = [text[text.index("&") + 1].lower() for text in texts]
        assert len(set(letters)) == len(letters), texts


def test_no_shortcut_is_given_twice(window):
    actions = {id(action): action for action in window.findChildren(QAction)}.values()
    shortcuts = [shortcut.toString() for action in actions for shortcut in action.shortcuts()]
    assert "Ctrl+O" in shortcuts
    assert len(set(shortcuts)) == len(shortcuts)
