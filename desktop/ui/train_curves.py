"""The curves of one run: losses above, another measure below, with the values under the mouse."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from desktop.session.train_plans import Curves, RunLook

from . import theme
from .icons import Icons
from .train_plot import TrainPlot


class TrainCurves(QWidget):
    """Shows the curves of a RunLook, and says where they are to be written."""

    #: Write the numbers of the run that is shown: its id, the file.
    csv_wanted = Signal(str, str)
    #: Write this picture: QImage, the file.
    png_wanted = Signal(object, str)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """No run yet."""
        super().__init__(parent)
        self._look: RunLook | None = None
        self._losses = TrainPlot(self.tr("Loss by step"))
        self._others = TrainPlot(self.tr("Another measure by step"))
        self._others.setXLink(self._losses)
        self._others.setMaximumHeight(150)
        self._measure = QComboBox()
        self._measure.setAccessibleName(self.tr("Measure of the lower curve"))
        measures = {
            "learning_rate": self.tr("learning rate"),
            "gradient_norm": self.tr("gradient norm"),
            "speed": self.tr("tokens a second"),
        }
        for name, words in measures.items():
            self._measure.addItem(words, name)
        self._values = QLabel()
        self._values.setFont(theme.tabular(self._values.font()))
        self._values.setTextFormat(Qt.TextFormat.RichText)  # numbers and signs of our own alone
        self._values.setWordWrap(True)
        self._values.setMinimumHeight(2 * self._values.fontMetrics().height())
        self._whole = QPushButton(self.tr("Whole curve"))
        self._whole.setToolTip(self.tr("Show all steps again, after the wheel or a drag has changed the view."))
        self._png = QPushButton(self.tr("PNG"))
        self._png.setAccessibleName(self.tr("Export the curves as PNG"))
        self._csv = QPushButton(self.tr("CSV"))
        self._csv.setAccessibleName(self.tr("Export the numbers as CSV"))
        icons.put(self._png, "mdi6.image-outline")
        icons.put(self._csv, "mdi6.table")
        self._build()
        for plot in (self._losses, self._others):
            plot.hovered.connect(self._on_hovered)
        self._measure.currentIndexChanged.connect(self._on_measure_chosen)
        self._whole.clicked.connect(self._on_whole)
        self._png.clicked.connect(self._on_png)
        self._csv.clicked.connect(self._on_csv)

    def show_look(self, look: RunLook | None) -> None:
        """The run has news, or another one is shown."""
        if look is None or self._look is None or look.id != self._look.id:
            self._losses.drop_lines()
            self._others.drop_lines()
            self._on_whole()
        self._look = look
        if look is None:
            self._values.clear()
            return
        curves = look.curves
        self._losses.show_line("loss", curves.step, curves.loss, 7, faint=True)
        self._losses.show_line("smoothed", curves.step, curves.smoothed, 0)
        self._losses.show_line(
            "evaluation",
            array("d", (done.step for done in look.evaluations)),
            array("d", (done.loss for done in look.evaluations)),
            1,
            dots=True,
        )
        self._show_measure()
        self._say_step(len(curves.step) - 1)

    def values(self) -> str:
        """The values that are read out."""
        return self._values.text()

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._measure)
        row.addStretch(1)
        for button in (self._whole, self._png, self._csv):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self._losses, 3)
        column.addWidget(self._values)
        column.addWidget(self._others, 1)
        column.addLayout(row)

    def _show_measure(self) -> None:
        if self._look is not None:
            curves = self._look.curves
            self._others.show_line("measure", curves.step, getattr(curves, self._measure.currentData()), 2)

    def _say_step(self, number: int) -> None:
        look = self._look
        if look is None or not 0 <= number < len(look.curves.step):
            self._values.setText(self.tr("No step yet."))
            return
        curves: Curves = look.curves
        step = int(curves.step[number])
        parts = [
            self.tr("step {step}").format(step=step),
            self._sign("loss") + self.tr("loss {value:.4f}").format(value=curves.loss[number]),
            self._sign("smoothed") + self.tr("smoothed {value:.4f}").format(value=curves.smoothed[number]),
        ]
        before = [done for done in look.evaluations if done.step <= step]
        if before:
            words = self.tr("evaluation {value:.4f} at step {step}")
            parts.append(self._sign("evaluation") + words.format(value=before[-1].loss, step=before[-1].step))
        parts += [
            self.tr("learning rate {value:.2e}").format(value=curves.learning_rate[number]),
            self.tr("gradient norm {value:.3g}").format(value=curves.gradient_norm[number]),
            self.tr("{value:.0f} tokens/s").format(value=curves.speed[number]),
        ]
        self._values.setText(" · ".join(parts))

    def _sign(self, name: str) -> str:
        return f'<font color="{self._losses.colour_of(name).name()}">\N{BLACK SQUARE}</font> '

    @Slot(float)
    def _on_hovered(self, at: float) -> None:
        if self._look is None or not self._look.curves.step:
            return
        steps = self._look.curves.step
        if at != at:
            self._say_step(len(steps) - 1)
            place = at
        else:
            number = min(max(bisect_left(steps, at - 0.5), 0), len(steps) - 1)
            self._say_step(number)
            place = steps[number]
        self._losses.show_cursor(place)
        self._others.show_cursor(place)

    @Slot()
    def _on_measure_chosen(self) -> None:
        self._show_measure()
        self._others.show_whole()

    @Slot()
    def _on_whole(self) -> None:
        self._losses.show_whole()
        self._others.show_whole()

    @Slot()
    def _on_png(self) -> None:
        if self._look is not None:
            path = self._ask_file(self._look.id + ".png", self.tr("Pictures (*.png)"))
            if path:
                self.png_wanted.emit(self.grab().toImage(), path)

    @Slot()
    def _on_csv(self) -> None:
        if self._look is not None:
            path = self._ask_file(self._look.id + ".csv", self.tr("Tables (*.csv)"))
            if path:
                self.csv_wanted.emit(self._look.id, path)

    def _ask_file(self, name: str, kinds: str) -> str:
        path, _ = QFileDialog.getSaveFileName(self, self.tr("Export the curves"), name, kinds)
        return path
