"""When changes of the stack act is chosen in the Adapters menu, by keyboard too, and comes back after a restart."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.session.saved import read_saved, write_saved
from tests.ui.hands import key, until


def test_changes_act_at_once_unless_told_otherwise(window, session):
    assert session.last("let_changes_wait") == (False,)
    assert window.menus.changes_at_once.isChecked()
    assert not window.menus.changes_wait.isChecked()


def test_the_choice_is_made_by_keyboard(window, session):
    key(window, Qt.Key.Key_A, Qt.KeyboardModifier.AltModifier)
    until(lambda: QApplication.activePopupWidget() is not None)
    QTest.keyClick(QApplication.activePopupWidget(), Qt.Key.Key_W)
    assert session.last("let_changes_wait") == (True,)
    assert not window.menus.changes_at_once.isChecked()
    window.menus.changes_at_once.trigger()
    assert session.last("let_changes_wait") == (False,)


def test_the_choice_comes_back(window, session, make_window, tmp_path):
    window.menus.changes_wait.trigger()
    assert session.last("touch") is not None
    write_saved(tmp_path, window.gather())
    saved, _ = read_saved(tmp_path)
    again = make_window(saved)
    again.begin(None, None)
    assert again.menus.changes_wait.isChecked()
    assert session.last("let_changes_wait") == (True,)
