"""Training in the window: what the Train place asks for, what the keepers find, and what a run changes elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from desktop.library.adapters import AdapterEntry
from desktop.library.models import ModelEntry
from desktop.session.plans import Loaded, Problem, State
from desktop.session.run_keeper import RunKeeper
from desktop.session.train_draft import TrainDraft
from desktop.session.train_keeper import TrainKeeper
from desktop.session.train_plans import Measured, RunLook

from .icons import Icons
from .stack_panel import StackPanel
from .train_attaching import with_newest

if TYPE_CHECKING:
    from desktop.library.runs.listing import RunEntry

    from .train_measuring import TrainMeasuring
    from .train_place import TrainPlace


class TrainDesk(QObject):
    """Stands between the Train place and the keepers. The place is built when it is first visited."""

    #: Make these rows the stack, in the panel too: tuple of Lora.
    rows_wanted = Signal(object)
    #: The library has changed: a new adapter is there.
    library_changed = Signal()
    #: Measure the base, adapters and stacks: MeasurePlan.
    measure_wanted = Signal(object)
    #: Something in the form that is saved has changed.
    draft_edited = Signal()
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
        self._draft: TrainDraft | None = None
        self._loaded: Loaded | None = None
        self._models: Sequence[ModelEntry] = ()
        self._adapters: Sequence[AdapterEntry] = ()
        self._entries: Sequence[RunEntry] = ()
        self._shown = ""
        self._state = State.EMPTY
        self._measuring: TrainMeasuring | None = None
        runs.runs_listed.connect(self._on_runs_listed)
        runs.run_ended.connect(self._on_run_ended)

    def begin(self) -> None:
        """Find the runs that go on: each takes its part of the cores and is watched to its end."""
        self._runs.begin()

    def draft(self) -> TrainDraft | None:
        """The form as it should come back; None where it was never seen."""
        return self._draft if self.place is None else self.place.form.draft()

    def keep_draft(self, draft: TrainDraft | None) -> None:
        """The form is to be as it was left, when it is first seen. Call it before that."""
        self._draft = draft

    def build(self) -> tuple[QWidget, QWidget | None]:
        """The place, and nothing at its right."""
        # Here, not above: pyqtgraph takes longer to import than the window to show.
        from .train_measuring import TrainMeasuring
        from .train_place import TrainPlace
        from .train_preview import TrainPreview

        place = self.place = TrainPlace(self._icons)
        TrainPreview(place, self._training, self._stack, self)
        self._measuring = TrainMeasuring(place, self._stack, self)
        self._measuring.measure_wanted.connect(self.measure_wanted)
        self._measuring.show_state(self._state)
        self._connect_place(place)
        self._connect_keepers(place)
        place.form.base.show_models(self._models)
        place.form.base.show_adapters(self._adapters)
        place.form.base.show_loaded(self._loaded)
        if self._draft is not None:
            place.form.show_draft(self._draft)
        place.form.data_edited.connect(self.draft_edited)
        place.form.run_edited.connect(self.draft_edited)
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

    def show_state(self, state: State) -> None:
        """What the session is doing."""
        self._state = state
        if self._measuring is not None:
            self._measuring.show_state(state)

    @Slot(object)
    def show_measured(self, line: Measured) -> None:
        """One line of the table of an evaluation came."""
        if self.place is not None:
            self.place.evaluation.add(line)

    @Slot(object)
    def show_failed(self, problem: Problem) -> None:
        """What was done with the stack failed; it may have been an evaluation."""
        if self.place is not None:
            self.place.evaluation.show_problem(problem)

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
        training.run_started.connect(self._on_run_started)
        training.start_refused.connect(self._on_start_refused)
        runs.run_grew.connect(self._on_run_grew)
        runs.runs_read.connect(place.runs.show_curves)
        runs.refused.connect(self._on_refused)
        runs.told.connect(self.told)

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
        self._runs.follow_run(run_id)
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
        failed = look.state.phase in {"failed", "crashed"}
        words = self.tr("The run {name} has failed.") if failed else self.tr("The run {name} has ended.")
        words = words.format(name=look.name)
        place = self.place
        # The page of the run says why, where that is what the user looks at.
        if place is None or look.id != self._shown or not place.run.isVisible():
            words = f"{words} {look.state.sentence}"
        QApplication.alert(self._window)
        self.told.emit(words)
        if look.result:
            self.library_changed.emit()
        if place is not None:
            if failed:
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
