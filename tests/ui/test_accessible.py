"""Every control has a name for a screen reader and can be reached by the keyboard, in every state of the window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QMenuBar,
    QPlainTextEdit,
    QScrollBar,
    QSplitterHandle,
    QWidget,
)

from desktop.ui.about_dialog import AboutDialog
from tests.ui import gallery

CONTROLS = (
    QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QPlainTextEdit, QAbstractSlider, QAbstractItemView,
)  # fmt: skip


def is_part_of_another(widget) -> bool:
    """Qt's own pieces of a control: the line in a spin box, the list of a combo box, scroll bars."""
    if isinstance(
        widget, QScrollBar | QSplitterHandle | QMenu | QMenuBar | QHeaderView
    ) or widget.objectName().startswith("qt_"):
        return True
    above = widget.parentWidget()
    while above is not None:
        if isinstance(above, QComboBox | QAbstractSpinBox | QMenuBar) or (
            isinstance(above, QAbstractItemView | QLineEdit) and not isinstance(widget, QAbstractItemView)
        ):
            return True
        above = above.parentWidget()
    return False


def controls(root: QWidget):
    return [
        widget
        for widget in root.findChildren(QWidget)
        if isinstance(widget, CONTROLS) and not is_part_of_another(widget)
    ]


def name_for_readers(widget, root) -> str:
    """What a screen reader says: its own name, its text, or the label that belongs to it."""
    buddies = [label.text() for label in root.findChildren(QLabel) if label.buddy() is widget]
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text or "".join(buddies)


def nameless(root):
    return [
        f"{type(widget).__name__} {widget.toolTip()}" for widget in controls(root) if not name_for_readers(widget, root)
    ]


@pytest.mark.parametrize("state", gallery.STATES, ids=lambda state: state.__name__)
def test_no_control_is_without_a_name(window, session, state):
    root = state(window, session) or window
    assert len(controls(root)) >= 3
    assert nameless(root) == []
    assert nameless(window) == []


def test_about_has_names_too(window):
    about = AboutDialog({"torch": "2.13.0"}, window)
    assert nameless(about) == []


def reached_by_tab(window) -> set[QWidget]:
    """What the chain of Tab comes to."""
    found, widget = set(), window.nextInFocusChain()
    while widget is not None and widget not in found:
        found.add(widget)
        widget = widget.nextInFocusChain()
    return found


@pytest.mark.parametrize("state", [gallery.first_run, gallery.idle, gallery.failed, gallery.settings])
def test_every_control_that_can_be_used_is_reached_by_tab(window, session, state):
    state(window, session)
    chain = reached_by_tab(window)
    for widget in controls(window):
        if not widget.isVisible() or not widget.isEnabled() or isinstance(widget.parentWidget(), QDialogButtonBox):
            continue
        proxy = widget.focusProxy() or widget
        # A tool button without a text of its own says what it does in its name; the keyboard still has to reach it.
        assert proxy.focusPolicy() & Qt.FocusPolicy.TabFocus, (
            f"{type(widget).__name__} {name_for_readers(widget, window)}"
        )
        assert proxy in chain


def test_every_verb_of_the_menus_is_unique_by_its_shortcut(window):
    shortcuts = [key.toString() for action in window.findChildren(QAction) for key in action.shortcuts()]
    assert len(shortcuts) == len(set(shortcuts))
    assert {"Ctrl+O", "Ctrl+L", "Ctrl+Return", "Esc"} <= set(shortcuts)
