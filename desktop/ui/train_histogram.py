"""How long the rows are, in tokens, and how many are beyond the cutoff."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from . import theme
from .train_colours import series_colour

BARS = 40


class TrainHistogram(QWidget):
    """Bars from 0 to the longest row; those beyond the cutoff stand out in another colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Hidden while nothing is known."""
        super().__init__(parent)
        self._counts: list[int] = []
        self._longest = 0
        self._cutoff = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Lengths of the rows"))
        self.hide()

    def show_lengths(self, lengths: Sequence[int], cutoff: int) -> None:
        """Tokens of each row, and where a row is cut."""
        self._cutoff = cutoff
        self._longest = max(lengths, default=0)
        self._counts = [0] * BARS
        for length in lengths:
            self._counts[min(length * BARS // max(self._longest + 1, 1), BARS - 1)] += 1
        cut = sum(length > cutoff for length in lengths)
        middle = sorted(lengths)[len(lengths) // 2] if lengths else 0
        words = self.tr(
            "{rows} rows; the middle one has {middle} tokens, the longest {longest}; {cut} are longer than {cutoff}"
        )
        self.setToolTip(words.format(rows=len(lengths), middle=middle, longest=self._longest, cut=cut, cutoff=cutoff))
        self.setAccessibleDescription(self.toolTip())
        self.setVisible(bool(lengths))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """A strip."""
        return QSize(320, 96)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Bars, the cutoff, and what the ends stand for."""
        del event
        if not self._counts:
            return
        painter = QPainter(self)
        palette = self.palette()
        text = painter.fontMetrics().height()
        height = self.height() - text - theme.GRID
        highest = max(self._counts)
        width = self.width() / BARS
        span = max(self._longest + 1, 1)
        for number, count in enumerate(self._counts):
            beyond = number * span / BARS >= self._cutoff
            tall = max(round(count / highest * (height - 2)), 2 if count else 0)
            bar = QRectF(number * width + 0.5, height - tall, max(width - 1, 1), tall)
            painter.fillRect(bar, series_colour(palette, 5 if beyond else 0))
        painter.setPen(palette.mid().color())
        painter.drawLine(0, height, self.width(), height)
        painter.setPen(theme.muted_colour(palette))
        below = QRectF(0, height + theme.GRID, self.width(), text)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, self.tr("{count} tokens").format(count=self._longest))
        at = self._cutoff / span * self.width()
        if at < self.width():
            painter.setPen(series_colour(palette, 5))
            painter.drawLine(round(at), 0, round(at), height)
            words = self.tr("cut at {count}").format(count=self._cutoff)
            wide = painter.fontMetrics().horizontalAdvance(words)
            painter.drawText(QRectF(min(at, self.width() - wide - 90), height + theme.GRID, wide + 2, text), words)
        painter.end()
