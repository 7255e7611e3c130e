"""The library's own way of drawing its cells: pixel by pixel what Qt's delegate draws."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate

from desktop.library.shelf.marks import Mark
from desktop.ui.library_table import LibraryTable
from desktop.ui.library_view import LibraryView
from tests.ui import library_states


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("size", [9, 13])
def test_drawn_as_qt_draws_it(application, grouped, size):
    table = LibraryTable()
    view = LibraryView(table)
    view.resize(900, 500)
    font = view.font()
    font.setPointSize(size)
    view.setFont(font)
    table.show_items(library_states.items())
    table.show_marks({"/library/loras/pirate": Mark(tags=("style", "sailors"), favourite=True)})
    table.wish(grouped=grouped)
    view.show()
    ours = view.viewport().grab().toImage()
    view.setItemDelegate(QStyledItemDelegate(view))
    assert ours == view.viewport().grab().toImage()
    assert ours.pixelColor(2, 2).isValid()


def test_another_column_width_and_font_are_followed(application):
    table = LibraryTable()
    view = LibraryView(table)
    view.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    view.resize(900, 300)
    table.show_items(library_states.items())
    view.show()
    own, qt = view.itemDelegate(), QStyledItemDelegate(view)
    seen = []
    for width, bold in ((220, False), (90, False), (90, True), (300, True)):
        view.setColumnWidth(0, width)
        font = view.font()
        font.setBold(bold)
        view.setFont(font)
        view.setItemDelegate(own)
        seen.append(view.viewport().grab().toImage())
        view.setItemDelegate(qt)
        assert seen[-1] == view.viewport().grab().toImage()
    assert len({image.bits().tobytes() for image in seen}) == 4


def test_a_wide_window_is_filled_until_the_user_has_the_say(application):
    table = LibraryTable()
    view = LibraryView(table)
    view.resize(1500, 300)
    table.show_items(library_states.items())
    view.show()

    def filled():
        return sum(view.columnWidth(column) for column in range(table.columnCount())), view.viewport().width()

    for loaded in (True, False, True):
        view.show_base(loaded)
        columns, room = filled()
        assert 0 <= room - columns <= 2
    view.setColumnWidth(0, 150)
    view.resize(1700, 300)
    assert view.columnWidth(0) == 150
    view.deleteLater()
