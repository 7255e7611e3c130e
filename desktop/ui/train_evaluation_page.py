"""How well the base, adapters, checkpoints and the stack do on a file of rows, in one table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from desktop.session.plans import Problem, State
from desktop.session.train_plans import Measured

from . import theme
from .icons import Icons
from .tick_box import TickBox
from .train_table import TextTable, make_view


class TrainEvaluationPage(QWidget):
    """Says what is to be measured, and shows what came of it line by line."""

    #: Measure what is ticked on this file.
    measure_wanted = Signal(str)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Nothing was measured yet."""
        super().__init__(parent)
        self._busy = False
        self._file = QLineEdit()
        self._file.setAccessibleName(self.tr("Rows to measure on"))
        self._file.setPlaceholderText(self.tr("a dataset or a file of rows; read as the form says"))
        self._browse = QPushButton(self.tr("Browse"))
        self._browse.setAccessibleName(self.tr("Browse for rows to measure on"))
        self.base = TickBox(self.tr("Base"))
        self.each = TickBox(self.tr("Each adapter alone"))
        self.stack = TickBox(self.tr("The stack"))
        self.checkpoints = TickBox(self.tr("Checkpoints of the run that is shown"))
        for box in (self.base, self.each, self.stack):
            box.setChecked(True)
        self._measure = QPushButton(self.tr("Measure"))
        self._measure.setToolTip(self.tr("What was measured before on the same rows is not measured again."))
        icons.put(self._measure, "mdi6.ruler")
        self._copy = QPushButton(self.tr("Copy table"))
        icons.put(self._copy, "mdi6.content-copy")
        self._note = theme.Note()
        titles = (
            self.tr("What"), self.tr("Perplexity"), self.tr("Loss"), self.tr("Accuracy"), self.tr("Tokens"),
        )  # fmt: skip
        self._table = TextTable(titles, (1, 2, 3, 4))
        self._view = make_view(self._table, self.tr("Measurements"), 0)
        self._lines: list[Measured] = []
        self._build()
        self._browse.clicked.connect(self._on_browse)
        self._measure.clicked.connect(self._on_measure)
        self._copy.clicked.connect(self._on_copy)
        self._show_lines()

    def begin(self) -> None:
        """A table begins."""
        self._busy, self._lines = True, []
        self._note.say(self.tr("Measuring; Esc ends it, and what was measured is kept."))
        self._show_lines()

    def say(self, words: str) -> None:
        """It can't be done."""
        self._note.say(words, error=True)

    @Slot(object)
    def add(self, line: Measured) -> None:
        """One line of the table came."""
        if self._busy:
            self._lines.append(line)
            self._show_lines()

    @Slot(object)
    def show_problem(self, problem: Problem) -> None:
        """Something failed; if it was this, it is said here."""
        if self._busy:
            self._busy = False
            self.say(problem.sentence)

    @Slot(object)
    def show_state(self, state: State) -> None:
        """What the session is doing."""
        self._measure.setEnabled(state is State.READY)
        if state is not State.WORKING and self._busy:
            self._busy = False
            self._note.say("")

    def _show_lines(self) -> None:
        self._table.show_rows(
            [self._cells(line) for line in self._lines], tips=[self._tip(line) for line in self._lines]
        )
        self._copy.setEnabled(bool(self._lines))

    def _cells(self, line: Measured) -> Sequence[str]:
        found = line.evaluation
        if found is None:
            return (self.tr("{name}: failed").format(name=line.name), "", "", "", "")
        perplexity = math.exp(min(found.loss, 700.0))
        return (line.name, f"{perplexity:.3f}", f"{found.loss:.4f}", f"{found.accuracy:.1%}", f"{found.tokens:,}")

    def _tip(self, line: Measured) -> str:
        if line.problem:
            return line.problem
        return self.tr("Measured before, on the same rows.") if line.known else self.tr("Measured now.")

    def _build(self) -> None:
        first, second, third = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        first.addWidget(self._file, 1)
        first.addWidget(self._browse)
        for box in (self.base, self.each, self.stack):
            second.addWidget(box)
        second.addStretch(1)
        third.addWidget(self._measure)
        third.addWidget(self._copy)
        third.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
        column.setSpacing(theme.GAP)
        column.addLayout(first)
        column.addLayout(second)
        column.addWidget(self.checkpoints)
        column.addLayout(third)
        column.addWidget(self._note)
        column.addWidget(self._view, 1)

    @Slot()
    def _on_browse(self) -> None:
        found, _ = QFileDialog.getOpenFileName(self, self.tr("Rows to measure on"))
        if found:
            self._file.setText(found)

    @Slot()
    def _on_measure(self) -> None:
        if text := self._file.text().strip():
            self.measure_wanted.emit(text)
        else:
            self.say(self.tr("Choose the rows to measure on."))

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join("\t".join(row) for row in self._table.cells()))
