"""A splitter whose handles look like a line."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSplitter, QSplitterHandle, QWidget


class _Line(QSplitterHandle):
    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        del event
        painter = QPainter(self)
        painter.fillRect(self.contentsRect(), self.palette().mid())
        painter.end()


class ThinSplitter(QSplitter):
    """At a width of 1, Qt lets the mouse catch a handle a few pixels beside it as well.

    Painted, not styled: under a style sheet the widgets inside don't hear of another palette, and keep the old theme.
    """

    def __init__(self, orientation: Qt.Orientation, parent: QWidget | None = None) -> None:
        """Nothing in it can be folded away by mistake."""
        super().__init__(orientation, parent)
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)

    def createHandle(self) -> QSplitterHandle:  # noqa: N802
        """Called by Qt for each gap."""
        return _Line(self.orientation(), self)
