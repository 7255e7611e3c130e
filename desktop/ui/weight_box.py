"""A box for an adapter's weight: any number, to hundredths."""

from __future__ import annotations

from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

from . import theme
from .weight_slider import STEP

LIMIT = 1000.0
"""No weight goes beyond it in either direction."""


class WeightBox(QDoubleSpinBox):
    """Half a number is not told; the keyboard must have left it, or Enter have been pressed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """At 1."""
        super().__init__(parent)
        self.setRange(-LIMIT, LIMIT)
        self.setDecimals(2)
        self.setSingleStep(STEP)
        self.setValue(1)
        self.setFont(theme.tabular(self.font()))
        self.setKeyboardTracking(False)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """The wheel scrolls the panel and moves no weight by accident."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
