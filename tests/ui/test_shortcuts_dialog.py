"""The list of shortcuts shows every key in full."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QTreeWidget, QTreeWidgetItemIterator

from tests.ui import gallery


def test_no_keys_are_cut(window, session):
    dialog = gallery.shortcuts(window, session)
    QApplication.processEvents()
    shown = dialog.findChild(QTreeWidget)
    keys = [one.value().text(1) for one in QTreeWidgetItemIterator(shown)]
    assert any(", " in one for one in keys)
    longest = max(shown.fontMetrics().horizontalAdvance(one) for one in keys)
    assert shown.columnWidth(1) > longest
    assert shown.header().length() <= shown.viewport().width()
