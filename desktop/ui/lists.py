"""What all lists and tables of the window have in common: how high a row is, and where headings stand."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from . import theme

HEADINGS = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def row_height(metrics: QFontMetrics) -> int:
    """Pixels of a row of one line of text."""
    return metrics.height() + 2 * theme.GRID


def set_rows(view: QAbstractItemView) -> None:
    """Give its rows the height they have everywhere; a table's headings begin where their column does."""
    if not isinstance(view, QTableView):
        view.setItemDelegate(_Spacious(view))
        return
    rows, columns = view.verticalHeader(), view.horizontalHeader()
    rows.hide()
    rows.setMinimumSectionSize(row_height(view.fontMetrics()))
    rows.setDefaultSectionSize(row_height(view.fontMetrics()))
    if not view.wordWrap():
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    columns.setHighlightSections(False)
    columns.setDefaultAlignment(HEADINGS)


class _Spacious(QStyledItemDelegate):
    """Lists and trees ask it how high a row is."""

    def sizeHint(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """As wide as Qt has it."""
        hint = super().sizeHint(option, index)
        metrics: QFontMetrics = option.fontMetrics
        return QSize(hint.width(), max(hint.height(), row_height(metrics)))
