"""Before the start: the data is checked as it is typed, its rows are shown in tokens, and the run is estimated."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from desktop.api import TrainPlan
from desktop.datasets import DatasetReport
from desktop.session.train_keeper import TrainKeeper

from .stack_panel import StackPanel
from .train_place import TrainPlace

PAUSE = 400
"""Milliseconds without a change of the form before the data is checked again."""


class TrainPreview(QObject):
    """Stands between the form, the Data page and the keeper."""

    def __init__(self, place: TrainPlace, training: TrainKeeper, stack: StackPanel, parent: QObject) -> None:
        """Belongs to the desk, and comes with the place."""
        super().__init__(parent)
        self._place = place
        self._training = training
        self._stack = stack
        self._report: DatasetReport | None = None
        self._checked_for = ""
        """The base for which the data was checked."""
        self._soon = QTimer(self, singleShot=True, interval=PAUSE)
        self._soon.timeout.connect(self._on_check_due)
        place.form.data_edited.connect(self._on_data_edited)
        place.form.run_edited.connect(self._on_run_edited)
        place.form.plan_requested.connect(self._on_plan_requested)
        place.data.row_wanted.connect(self._on_row_wanted)
        training.check_progressed.connect(place.data.show_reading)
        training.data_checked.connect(self._on_data_checked)
        training.data_refused.connect(self._on_data_refused)
        training.row_shown.connect(place.data.show_row)
        training.run_planned.connect(self._on_run_planned)
        training.plan_refused.connect(place.data.show_plan_refused)

    @Slot()
    def _on_data_edited(self) -> None:
        self._place.form.say("")
        self._soon.start()

    @Slot()
    def _on_check_due(self) -> None:
        place, plan = self._place, self._place.form.data.plan()
        self._checked_for = self._base()
        if not plan.sources:
            self._report = None
            place.data.show_report(None)
            return
        self._training.check_data(plan, self._checked_for)

    @Slot(object)
    def _on_data_checked(self, report: DatasetReport) -> None:
        self._report = report
        self._place.form.data.show_report(report)
        self._place.data.show_report(report)
        self._say_plan_due()

    @Slot(str)
    def _on_data_refused(self, words: str) -> None:
        self._report = None
        self._place.data.show_problem(words)

    @Slot()
    def _on_run_edited(self) -> None:
        place = self._place
        place.form.say("")
        if self._base() != self._checked_for:
            # The base's own chat template may dress the rows.
            self._soon.start()
        if self._report is not None:
            place.data.show_plan(None, 0)
            self._say_plan_due()
            place.data.ask_again()

    def _base(self) -> str:
        base = self._place.form.base.base()
        return base.path if base else ""

    def _say_plan_due(self) -> None:
        if self._place.form.base.is_loaded():
            self._place.data.show_plan_due(self.tr("Press Estimate for steps, lengths and memory."))
        else:
            self._place.data.show_plan_due(self.tr("Load the base for its exact tokens, steps and memory."))

    @Slot(int)
    def _on_row_wanted(self, number: int) -> None:
        form = self._place.form
        if self._report is not None and not form.settings.problem():
            self._training.show_row(number, form.settings.settings(), form.base.is_loaded())

    @Slot()
    def _on_plan_requested(self) -> None:
        place = self._place
        run = place.form.run(self._stack.effective_rows())
        if run is None:
            place.form.say(place.form.problem(), error=True)
        elif not place.form.base.is_loaded():
            place.form.say(self.tr("Load the base first: its tokenizer is asked."), error=True)
        else:
            place.tabs.setCurrentWidget(place.data)
            place.data.show_plan_due(self.tr("Counting the tokens of every row"))
            self._training.plan_run(run)

    @Slot(object)
    def _on_run_planned(self, plan: TrainPlan) -> None:
        settings = self._place.form.settings
        if not settings.problem():
            self._place.data.show_plan(plan, settings.settings().cutoff)
