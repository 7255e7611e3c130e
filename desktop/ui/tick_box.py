"""A check box whose box can be seen on dark ground too."""

from __future__ import annotations

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QStyle, QStyleOptionButton

from . import theme


class TickBox(QCheckBox):
    """Drawn as the style draws it, with a frame round the box.

    Fusion makes its frame by darkening the window's colour, which on near black is nothing. Not a proxy style: that
    would be asked in Python for every part of every widget.
    """

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """The frame comes last, on top of the style's own."""
        super().paintEvent(event)
        if not theme.is_dark(self.palette()):
            return
        option = QStyleOptionButton()
        self.initStyleOption(option)
        box = self.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self)
        painter = QPainter(self)
        painter.setPen(theme.muted_colour(self.palette()))
        painter.drawRect(box.adjusted(1, 1, -2, -2))
        painter.end()
