"""A slider for an adapter's weight: -1 to 2, with ticks at 0 and 1."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPalette, QWheelEvent
from PySide6.QtWidgets import QSlider, QStyle, QStyleOptionSlider, QWidget

from . import theme

LOWEST, HIGHEST = -1.0, 2.0
STEP = 0.05
"""What an arrow key moves."""
GROOVE = 4
"""Pixels."""


class WeightSlider(QSlider):
    """Holds hundredths; a weight outside of its range stays what it is until the slider is moved."""

    #: The user moved it: the weight.
    weight_moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        """At 1.0."""
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(round(LOWEST * 100), round(HIGHEST * 100))
        self.setSingleStep(round(STEP * 100))
        self.setPageStep(25)
        self.setValue(100)
        self.setMinimumWidth(80)
        self.valueChanged.connect(self._on_value_changed)

    def show_weight(self, weight: float) -> None:
        """Stand at a weight without telling anybody."""
        with QSignalBlocker(self):
            self.setValue(round(min(max(weight, LOWEST), HIGHEST) * 100))

    def _on_value_changed(self, value: int) -> None:
        self.weight_moved.emit(value / 100)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Back to 1."""
        self.setValue(100)
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """The wheel scrolls the panel and moves no weight by accident."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """A bar from 0 to the weight, to the left where that is negative, and ticks at 0 and 1 under the groove."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        length = self.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength, option, self)
        zero, one, here = (
            QStyle.sliderPositionFromValue(self.minimum(), self.maximum(), value, self.width() - length) + length // 2
            for value in (0, 100, self.sliderPosition())
        )
        group = QPalette.ColorGroup.Active if self.isEnabled() else QPalette.ColorGroup.Disabled
        painter = QPainter(self)
        middle = self.rect().center().y() - GROOVE // 2 + 1
        groove = QRect(1, middle, self.width() - 2, GROOVE)
        painter.fillRect(groove, self.palette().color(group, QPalette.ColorRole.Mid))
        bar = QRect(min(zero, here), middle, abs(here - zero), GROOVE)
        painter.fillRect(bar, self.palette().color(group, QPalette.ColorRole.Accent))
        painter.setPen(theme.muted_colour(self.palette()))
        for at in (zero, one):
            painter.drawLine(QPoint(at, self.height() - 4), QPoint(at, self.height() - 1))
        option.subControls = QStyle.SubControl.SC_SliderHandle
        self.style().drawComplexControl(QStyle.ComplexControl.CC_Slider, option, painter, self)
        painter.end()
