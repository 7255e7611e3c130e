"""Draws how much of a download is here as a bar behind its words."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from . import theme
from .downloads_table import SHARE_ROLE

HEIGHT = 4
"""Pixels of the bar."""


class ShareDelegate(QStyledItemDelegate):
    """A thin bar at the lower edge, in the accent colour; the words stay as they are."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Qt's own drawing first."""
        super().paint(painter, option, index)
        share = index.data(SHARE_ROLE)
        if share is None:
            return
        palette: QPalette = option.palette
        area: QRect = option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        groove = QRect(area.left() + theme.GRID, area.bottom() - HEIGHT, area.width() - 2 * theme.GRID, HEIGHT)
        painter.fillRect(groove, palette.color(QPalette.ColorRole.Mid))
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Accent
        painter.fillRect(QRect(groove.topLeft(), QSize(round(groove.width() * share), HEIGHT)), palette.color(role))

    def sizeHint(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Room for the bar."""
        return super().sizeHint(option, index) + QSize(0, HEIGHT)
