"""What the data is, before anything starts: rows good and bad, lengths, what the run would be, and any row's tokens."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSpinBox, QVBoxLayout, QWidget

from desktop.api import TrainPlan
from desktop.datasets import DatasetReport
from desktop.library.sizes import size_in_words
from desktop.session.train_plans import RowLook

from . import theme
from .train_histogram import TrainHistogram
from .train_table import TextTable, make_view
from .train_tokens import TrainTokens

PAUSE = 120
"""Milliseconds after which a row that was stepped to is asked for."""


class TrainDataPage(QWidget):
    """Shows what the check of the data found."""

    #: The row of this number is wanted.
    row_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        """No data yet."""
        super().__init__(parent)
        self._summary = theme.Note()
        self._reading = QProgressBar()
        self._reading.setAccessibleName(self.tr("How far the data is read"))
        self._reading.setRange(0, 1000)
        self._notes = theme.Note()
        self._planned = theme.Note()
        self._plan_notes = theme.Note()
        self._histogram = TrainHistogram()
        self._bad = TextTable(
            (self.tr("Row"), self.tr("Line"), self.tr("Why it can't be used"), self.tr("File")), (0, 1)
        )
        self._bad_view = make_view(self._bad, self.tr("Rows that can't be used"), 2)
        self._bad_view.setMaximumHeight(180)
        for column, width in ((0, 52), (1, 52), (3, 140)):
            self._bad_view.setColumnWidth(column, width)
        self._bad_heading = theme.heading(self.tr("Rows that can't be used"))
        self._number = QSpinBox()
        self._number.setRange(1, 1)
        self._number.setAccessibleName(self.tr("Number of the row"))
        self._label = QLabel(self.tr("&Row"))
        self._label.setBuddy(self._number)
        self._back, self._on = QPushButton(self.tr("Previous")), QPushButton(self.tr("Next"))
        self._about = theme.Note()
        self._tokens = TrainTokens()
        self._soon = QTimer(self, singleShot=True, interval=PAUSE)
        self._soon.timeout.connect(self._on_row_due)
        self._build()
        self._number.valueChanged.connect(self._soon.start)
        self._back.clicked.connect(self._number.stepDown)
        self._on.clicked.connect(self._number.stepUp)
        self.show_report(None)

    def show_reading(self, fraction: float) -> None:
        """The data is being read; what is read at once needs no bar."""
        self._reading.setVisible(fraction < 1)
        self._reading.setValue(round(fraction * 1000))

    def show_problem(self, words: str) -> None:
        """The data can't be read."""
        self.show_report(None)
        self._summary.say(words, error=True)

    def show_report(self, report: DatasetReport | None) -> None:
        """Every row was checked; None: there is no data."""
        self._reading.hide()
        self.show_plan(None, 0)
        for widget in (self._label, self._number, self._back, self._on, self._about, self._tokens):
            widget.setVisible(report is not None)
        self._show_bad(report)
        self._notes.say("\n".join((report.kind_reason, *report.notes)) if report else "")
        if report is None:
            self._summary.say(self.tr("Choose the data at the left: its rows are checked and shown here."))
            self._tokens.show_row(None)
            return
        held = (
            self.tr(", {count} for evaluation").format(count=report.evaluation_rows) if report.evaluation_rows else ""
        )
        words = self.tr("{rows} rows to train on{held}, {bad} can't be used. Kind: {kind}.")
        words = words.format(rows=report.rows, held=held, bad=report.bad, kind=report.kind)
        self._summary.say(words if report.usable else f"{words}\n{report.problem}", error=not report.usable)
        self._number.setMaximum(max(report.rows + report.evaluation_rows + report.bad, 1))
        self._on_row_due()

    def show_row(self, look: RowLook) -> None:
        """A row came; one that isn't wanted any more is passed over."""
        if look.number == self._number.value():
            self._about.say(self._tokens.show_row(look), error=bool(look.problem))

    def ask_again(self) -> None:
        """Settings or the base are others, and so may the tokens be."""
        if self._number.isVisibleTo(self):
            self._soon.start()

    def show_plan(self, plan: TrainPlan | None, cutoff: int) -> None:
        """What the run would be; None while nobody knows."""
        if plan is None:
            self._planned.say("")
            self._plan_notes.say("")
            self._histogram.show_lengths((), 0)
            return
        words = self.tr(
            "{steps} steps, {tokens} tokens an epoch, {numbers} numbers to learn, about {memory} of memory. "
            "{cut} rows are cut, {bare} have nothing to learn."
        )
        self._planned.say(words.format(
            steps=plan.steps, tokens=f"{plan.tokens:,}", numbers=f"{plan.trainable_parameters:,}",
            memory=size_in_words(plan.memory_bytes), cut=plan.rows_cut, bare=plan.rows_without_label,
        ))  # fmt: skip
        self._plan_notes.say("\n".join(plan.notes), error=bool(plan.notes))
        self._histogram.show_lengths(plan.lengths, cutoff)

    def show_plan_refused(self, words: str) -> None:
        """It can't be planned."""
        self.show_plan(None, 0)
        self._planned.say(words, error=True)

    def show_plan_due(self, words: str) -> None:
        """It is being worked out, or why it can't be yet."""
        self._planned.say(words)

    def _show_bad(self, report: DatasetReport | None) -> None:
        rows = report.bad_rows if report else ()
        self._bad.show_rows(
            [(str(row.row), str(row.line), row.message, row.file) for row in rows],
            tips=[row.in_words() for row in rows],
        )
        for widget in (self._bad_heading, self._bad_view):
            widget.setVisible(bool(rows))

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
        column.setSpacing(theme.GAP)
        row = QHBoxLayout()
        for part in (self._label, self._number, self._back, self._on):
            row.addWidget(part)
        row.addStretch(1)
        for widget in (self._summary, self._reading, self._notes, self._planned, self._plan_notes, self._histogram):
            column.addWidget(widget)
        column.addWidget(self._bad_heading)
        column.addWidget(self._bad_view)
        column.addLayout(row)
        column.addWidget(self._about)
        column.addWidget(self._tokens, 1)
        column.addStretch(0)

    @Slot()
    def _on_row_due(self) -> None:
        self.row_wanted.emit(self._number.value())
