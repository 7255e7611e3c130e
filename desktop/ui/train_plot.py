"""A plot in the theme's colours over the steps of a run. Imported when a curve is first shown: pyqtgraph takes time."""

from __future__ import annotations

from array import array

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QWidget

from . import theme
from .train_colours import series_colour


class TrainPlot(pg.PlotWidget):  # type: ignore[misc]
    """Lines by name. Only as many points are drawn as there are pixels."""

    #: The mouse is at this step, or left (NaN).
    hovered = Signal(float)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        """No line yet."""
        super().__init__(parent, enableMenu=False)
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMinimumHeight(90)
        self._series: dict[str, tuple[pg.PlotDataItem, int, bool]] = {}
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self._cursor.setVisible(False)
        item = self.getPlotItem()
        item.addItem(self._cursor, ignoreBounds=True)
        item.hideButtons()
        item.setLabel("bottom", self.tr("step"))
        item.setDownsampling(auto=True, mode="peak")
        item.setClipToView(True)
        item.showGrid(x=False, y=True, alpha=0.15)
        item.getAxis("left").setWidth(56)
        item.getAxis("left").enableAutoSIPrefix(False)
        item.getAxis("bottom").enableAutoSIPrefix(False)
        self.scene().sigMouseMoved.connect(self._on_mouse_moved)
        self._colour()

    def show_line(
        self, name: str, x: array[float], y: array[float], colour: int, *, faint: bool = False, dots: bool = False
    ) -> None:
        """Draw a line, in the place of the one of that name; `colour` is its number among the series."""
        if name not in self._series:
            item = pg.PlotDataItem(connect="finite", autoDownsampleFactor=1.0)
            if dots:
                item.setSymbol("o")
                item.setSymbolSize(6)
            self.getPlotItem().addItem(item)
            self._series[name] = (item, colour, faint)
            self._colour_line(name)
        self._series[name][0].setData(_doubles(x), _doubles(y))

    def drop_lines(self, keep: tuple[str, ...] = ()) -> None:
        """Take the lines away, but for those of these names."""
        for name in [name for name in self._series if name not in keep]:
            self.getPlotItem().removeItem(self._series.pop(name)[0])

    def show_whole(self) -> None:
        """Follow the lines as they grow, whatever the mouse did to the view."""
        self.getPlotItem().enableAutoRange()

    def show_cursor(self, step: float) -> None:
        """Mark a step; NaN marks none."""
        there = step == step
        self._cursor.setVisible(there)
        if there:
            self._cursor.setPos(step)

    def colour_of(self, name: str) -> QColor:
        """The colour of a line, for a legend."""
        return series_colour(self.palette(), self._series[name][1])

    def _colour(self) -> None:
        palette = self.palette()
        self.setBackground(palette.color(QPalette.ColorRole.Base))
        muted = theme.muted_colour(palette)
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(palette.mid().color())
            axis.setTextPen(muted)
        self._cursor.setPen(pg.mkPen(muted, width=1))
        for name in self._series:
            self._colour_line(name)

    def _colour_line(self, name: str) -> None:
        item, number, faint = self._series[name]
        colour = QColor(series_colour(self.palette(), number))
        if item.opts["symbol"] is not None:
            item.setSymbolBrush(colour)
            item.setSymbolPen(colour)
        if faint:
            colour.setAlphaF(0.6)
        item.setPen(pg.mkPen(colour, width=1 if faint else 2))

    def _on_mouse_moved(self, at: QPointF) -> None:
        item = self.getPlotItem()
        inside = item.sceneBoundingRect().contains(at)
        self.hovered.emit(float(item.getViewBox().mapSceneToView(at).x()) if inside else float("nan"))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """The mouse is gone."""
        super().leaveEvent(event)
        self.hovered.emit(float("nan"))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Another theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_series"):
            self._colour()


def _doubles(values: array[float]) -> np.ndarray:
    return np.frombuffer(values, dtype=np.float64) if len(values) else np.empty(0)
