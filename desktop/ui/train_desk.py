"""Training in the window: what the Train place asks for, what the keepers find, and what a run changes elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from desktop.api import TrainPlan
from desktop.datasets import DatasetReport
from desktop.library.adapters import AdapterEntry
from desktop.library.models import ModelEntry
from desktop.library.runs.listing import RunEntry
from desktop.session.plans import Loaded, Problem
from desktop.session.run_keeper import RunKeeper
from desktop.session.train_keeper import TrainKeeper
from desktop.session.train_plans import RunLook

from .icons import Icons
from .stack_panel import StackPanel
from .train_attaching import with_newest

if TYPE_CHECKING:
    from .train_place import TrainPlace

PAUSE = 400
"""Milliseconds without a change of the form before the data is checked again."""


class TrainDesk(QObject):
    """Stands between the Train place and the keepers. The place is built when it is first visited."""

    #: Make these rows the stack, in the panel too: tuple of Lora.
    rows_wanted = Signal(object)
    #: The library has changed: a new adapter is there.
    library_changed = Signal()
    #: Something to be said, whatever place is shown: a sentence.
    told = Signal(str)

    def __init__(
        self, window: QMainWindow, training: TrainKeeper, runs: RunKeeper, stack: StackPanel, icons: Icons
    ) -> None:
        """Nothing is asked of the keepers before `begin`."""
        super().__init__(window)
        self._window = window
        self._training = training
        self._runs = runs
        self._stack = stack
        self._icons = icons
        self.place: TrainPlace | None = None
        self._loaded: Loaded | None = None
        self._models: Sequence[ModelEntry] = ()
        self._adapters: Sequence[AdapterEntry] = ()
        self._entries: Sequence[RunEntry] = ()
        self._report: DatasetReport | None = None
        self._shown = ""
        self._soon = QTimer(self, singleShot=True, interval=PAUSE)
        self._soon.timeout.connect(self._on_check_due)
        runs.runs_listed.connect(self._on_runs_listed)
        runs.run_ended.connect(self._on_run_ended)

    def begin(self) -> None:
        """Find the runs that go on: each takes its part of the cores and is watched to its end."""
        self._runs.begin()

    def build(self) -> tuple[QWidget, QWidget | None]:
        """The place, and nothing at its right."""
        from .train_place import TrainPlace  # here, not above: pyqtgraph takes longer to import than the window to show

        place = self.place = TrainPlace(self._icons)
        self._connect_place(place)
        self._connect_keepers(place)
        place.form.base.show_models(self._models)
        place.form.base.show_adapters(self._adapters)
        place.form.base.show_loaded(self._loaded)
        self._training.list_data()
        self._runs.list_runs()
        return place, None

    @Slot()
    def start(self) -> None:
        """Start what the form says."""
        if self.place is not None:
            self.place.form.request_start()

    def show_loaded(self, loaded: Loaded | None) -> None:
        """A model was loaded, or is no more."""
        self._loaded = loaded
        if self.place is not None:
            self.place.form.base.show_loaded(loaded)

    @Slot(list)
    def know_models(self, models: Sequence[ModelEntry]) -> None:
        """The library was listed."""
        self._models = models
        if self.place is not None:
            self.place.form.base.show_models(models)

    @Slot(list)
    def know_adapters(self, adapters: Sequence[AdapterEntry]) -> None:
        """The library was listed."""
        self._adapters = adapters
        if self.place is not None:
            self.place.form.base.show_adapters(adapters)

    def _connect_place(self, place: TrainPlace) -> None:
        form, run, runs = place.form, place.run, place.runs
        form.start_requested.connect(self._on_start_requested)
        form.plan_requested.connect(self._on_plan_requested)
        form.data_edited.connect(self._on_data_edited)
        form.run_edited.connect(self._on_run_edited)
        place.data.row_wanted.connect(self._on_row_wanted)
        run.command_wanted.connect(self._runs.tell_run)
        run.attach_wanted.connect(self._on_attach_wanted)
        run.resume_wanted.connect(self._training.resume_run)
        run.curves.csv_wanted.connect(self._runs.export_csv)
        run.curves.png_wanted.connect(self._runs.save_picture)
        runs.open_wanted.connect(self._on_open_wanted)
        runs.curves_wanted.connect(self._runs.read_runs)
        runs.copy_wanted.connect(self._on_copy_wanted)
        runs.resume_wanted.connect(self._training.resume_run)
        runs.trash_wanted.connect(self._runs.trash_run)

    def _connect_keepers(self, place: TrainPlace) -> None:
        training, runs = self._training, self._runs
        training.data_listed.connect(place.form.data.show_library)
        training.check_progressed.connect(place.data.show_reading)
        training.data_checked.connect(self._on_data_checked)
        training.data_refused.connect(self._on_data_refused)
        training.row_shown.connect(place.data.show_row)
        training.run_planned.connect(self._on_run_planned)
        training.plan_refused.connect(place.data.show_plan_refused)
        training.run_started.connect(self._on_run_started)
        training.start_refused.connect(self._on_start_refused)
        runs.run_grew.connect(self._on_run_grew)
        runs.runs_read.connect(place.runs.show_curves)
        runs.refused.connect(self._on_refused)
        runs.told.connect(self.told)

    @Slot()
    def _on_data_edited(self) -> None:
        if self.place is not None:
            self.place.form.say("")
            self._soon.start()

    @Slot()
    def _on_check_due(self) -> None:
        place = self.place
        if place is None:
            return
        plan, base = place.form.data.plan(), place.form.base.base()
        if not plan.sources:
            self._report = None
            place.data.show_report(None)
            return
        place.data.show_reading(0.0)
        self._training.check_data(plan, base.path if base else "")

    @Slot(object)
    def _on_data_checked(self, report: DatasetReport) -> None:
        self._report = report
        if (place := self.place) is not None:
            place.form.data.show_report(report)
            place.data.show_report(report)
            self._say_plan_due(place)

    @Slot(str)
    def _on_data_refused(self, words: str) -> None:
        self._report = None
        if self.place is not None:
            self.place.data.show_problem(words)

    @Slot()
    def _on_run_edited(self) -> None:
        if (place := self.place) is not None:
            place.form.say("")
            if self._report is not None:
                place.data.show_plan(None, 0)
                self._say_plan_due(place)
                place.data.ask_again()

    def _say_plan_due(self, place: TrainPlace) -> None:
        if place.form.base.is_loaded():
            place.data.show_plan_due(self.tr("Press Estimate for steps, lengths and memory."))
        else:
            place.data.show_plan_due(self.tr("Load the base for its exact tokens, steps and memory."))

    @Slot(int)
    def _on_row_wanted(self, number: int) -> None:
        place = self.place
        if place is not None and self._report is not None and not place.form.settings.problem():
            self._training.show_row(number, place.form.settings.settings(), place.form.base.is_loaded())

    @Slot()
    def _on_plan_requested(self) -> None:
        place = self.place
        if place is None:
            return
        problem = place.form.problem()
        run = place.form.run(self._stack.effective_rows())
        if run is None:
            place.form.say(problem, error=True)
        elif not place.form.base.is_loaded():
            place.form.say(self.tr("Load the base first: its tokenizer is asked."), error=True)
        else:
            place.tabs.setCurrentWidget(place.data)
            place.data.show_plan_due(self.tr("Counting the tokens of every row"))
            self._training.plan_run(run)

    @Slot(object)
    def _on_run_planned(self, plan: TrainPlan) -> None:
        if (place := self.place) is not None and not place.form.settings.problem():
            place.data.show_plan(plan, place.form.settings.settings().cutoff)

    @Slot()
    def _on_start_requested(self) -> None:
        place = self.place
        if place is None:
            return
        run = place.form.run(self._stack.effective_rows())
        if run is None:
            place.form.say(place.form.problem(), error=True)
            return
        place.banner.hide()
        place.form.show_starting(True)
        self._training.start_training(run)

    @Slot(str)
    def _on_run_started(self, run_id: str) -> None:
        if (place := self.place) is not None:
            place.form.show_starting(False)
            place.form.say("")
            place.tabs.setCurrentWidget(place.run)
        self._shown = run_id
        self._runs.show_run(run_id)
        self._runs.list_runs()

    @Slot(str)
    def _on_start_refused(self, words: str) -> None:
        if (place := self.place) is not None:
            place.form.show_starting(False)
            place.form.say(words, error=True)
        self._runs.list_runs()

    @Slot(list)
    def _on_runs_listed(self, entries: Sequence[RunEntry]) -> None:
        self._entries = entries
        place = self.place
        if place is None:
            return
        place.runs.show_runs(entries)
        if not self._shown:
            # A run that goes on is what the place is about; it is found again after the window was closed.
            alive = next((one for one in entries if not one.problem and one.alive), None)
            if alive is not None:
                self._on_open_wanted(alive.id)

    @Slot(str)
    def _on_open_wanted(self, run_id: str) -> None:
        self._shown = run_id
        self._runs.show_run(run_id)
        if self.place is not None:
            self.place.tabs.setCurrentWidget(self.place.run)

    @Slot(object)
    def _on_run_grew(self, look: RunLook) -> None:
        if (place := self.place) is not None and look.id == self._shown:
            place.run.show_look(look)
            place.samples.show_look(look)

    @Slot(object)
    def _on_run_ended(self, look: RunLook) -> None:
        words = self.tr("The run {name} has ended. {sentence}").format(name=look.name, sentence=look.state.sentence)
        QApplication.alert(self._window)
        self.told.emit(words)
        if look.result:
            self.library_changed.emit()
        if (place := self.place) is not None:
            if look.state.phase in {"failed", "crashed"}:
                place.banner.show_problem(Problem(sentence=words, detail=look.detail))
            else:
                place.banner.show_news(words)

    @Slot(object)
    def _on_copy_wanted(self, entry: RunEntry) -> None:
        if self.place is not None and entry.run is not None:
            self.place.form.show_run(entry.run)
            self.place.form.say(self.tr("The parameters of {id} are in the form.").format(id=entry.id))

    @Slot(str, str, str)
    def _on_attach_wanted(self, adapter: str, name: str, run_folder: str) -> None:
        rows = self._stack.rows()
        if any(row.path == adapter for row in rows):
            self.told.emit(self.tr("{name} is on the stack already.").format(name=name))
            return
        self.rows_wanted.emit(with_newest(rows, adapter, name, run_folder))
        self.told.emit(self.tr("{name} was put on the stack.").format(name=name))

    @Slot(str)
    def _on_refused(self, words: str) -> None:
        if self.place is not None:
            self.place.banner.show_problem(Problem(sentence=words))
