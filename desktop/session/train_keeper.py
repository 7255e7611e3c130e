"""Prepares data, plans and starts runs, and goes on with them, on a thread of its own: files of any size are read."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from desktop.api import LoaderError, RowTokens, TrainingRow, TrainPlan, TrainRequest, TrainSettings
from desktop.datasets import EVALUATION_FILE, ROWS_FILE, DataError, DataPlan, Prepared, prepare, write_rows
from desktop.datasets.catalogue import list_datasets, list_formats
from desktop.discovery.loaders import Loaders
from desktop.engine.jobs import JobCancelled
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.launch import RunNotStarted, start_run, write_task
from desktop.library.hashes import ContentHashes
from desktop.library.home import Home
from desktop.library.names import NameNotFound
from desktop.library.runs.making import make_run, task_of
from desktop.library.runs.resuming import check_resume
from desktop.library.runs.run_file import RunError, RunFile, read_run_file
from desktop.library.settings import Settings, SettingsError, read_settings_file

from .lane import Lane
from .train_choice import resolved_data, resolved_run, trainer_for
from .train_plans import Asking, RowLook

_IN_WORDS = (DataError, RunError, RunNotStarted, LoaderError, NameNotFound, SettingsError)


class TrainKeeper(QObject):
    """The verbs return at once; the signals come from the keeper's threads."""

    #: What the library holds to train on: lists of DatasetEntry and FormatEntry.
    data_listed = Signal(list, list)
    #: How far the data is read: a fraction.
    check_progressed = Signal(float)
    #: Every row was checked: DatasetReport.
    data_checked = Signal(object)
    #: The data can't be read at all: a sentence.
    data_refused = Signal(str)
    #: A row of the checked data: RowLook.
    row_shown = Signal(object)
    #: What the run would be: TrainPlan.
    run_planned = Signal(object)
    #: It can't be planned: a sentence.
    plan_refused = Signal(str)
    #: A run goes on from now on: its id.
    run_started = Signal(str)
    #: It could not be started: a sentence. Nothing was trained.
    start_refused = Signal(str)

    def __init__(
        self, home: Home, settings: Settings, loaders: Loaders, asking: Asking, parent: QObject | None = None
    ) -> None:
        """`asking` reaches the engine that is prompted. Nothing is read yet."""
        super().__init__(parent)
        self._home = home
        self._loaders = loaders
        self._asking = asking
        self._settings = settings
        self._hashes = ContentHashes(home.cache)
        self._lane = Lane("training data", self)
        self.lanes = (self._lane,)
        self._prepared: Prepared | None = None
        self._ending = threading.Event()
        self._checks = 0

    @Slot()
    def list_data(self) -> None:
        """Read what the library holds to train on."""
        self._do(self._list_data, self.data_refused.emit)

    def check_data(self, plan: DataPlan, model: str) -> None:
        """Read and check every row; `model` is the path of the base. What was asked before is left."""
        self._checks += 1
        number = self._checks
        self._do(lambda: self._check(plan, model, number), self.data_refused.emit)

    def show_row(self, number: int, settings: TrainSettings, has_model: bool) -> None:
        """Show a row of the checked data, with its tokens where the engine holds the base it will be trained on."""
        self._do(lambda: self._show_row(number, settings, has_model), self.data_refused.emit)

    def plan_run(self, run: RunFile) -> None:
        """Work out steps, lengths and memory on the base that is loaded."""
        self._do(lambda: self._plan(run), self.plan_refused.emit)

    def start_training(self, run: RunFile) -> None:
        """Make a run and start its engine."""
        self._do(lambda: self._start(run), self.start_refused.emit)

    @Slot(str)
    def resume_run(self, run_id: str) -> None:
        """Go on with a run from its newest checkpoint."""
        self._do(lambda: self._resume(run_id), self.start_refused.emit)

    def shut_down(self) -> None:
        """End the thread; waits for it."""
        self._ending.set()
        self._lane.shut_down()

    def _do(self, work: Callable[[], None], refuse: Callable[[str], None]) -> None:
        def run() -> None:
            try:
                work()
            except JobCancelled:
                pass  # something else was asked for meanwhile, or the program is ending
            except _IN_WORDS as error:
                refuse(str(error))
            except OSError as error:
                words = self.tr("The system says: {reason} ({path}).")
                refuse(words.format(reason=error.strerror or error, path=error.filename))

        self._lane.submit(run)

    def _read_settings(self) -> Settings:
        return read_settings_file(self._home.settings_file)

    def _list_data(self) -> None:
        settings = self._read_settings()
        self.data_listed.emit(list_datasets(self._home, settings), list_formats(self._home, settings))

    def _check(self, plan: DataPlan, model: str, number: int) -> None:
        self._prepared = None
        self._stop_if_outdated(number)

        def tell(done: int, whole: int) -> None:
            self._stop_if_outdated(number)
            self.check_progressed.emit(done / whole if whole else 0.0)

        prepared = prepare(resolved_data(plan, model, self._home, self._read_settings()), tell)
        self._prepared = prepared
        self.data_checked.emit(prepared.report)

    def _stop_if_outdated(self, number: int) -> None:
        if self._ending.is_set() or number != self._checks:
            raise JobCancelled

    def _show_row(self, number: int, settings: TrainSettings, has_model: bool) -> None:
        if self._prepared is None:
            return
        try:
            row = self._prepared.row(number)
        except DataError as error:
            self.row_shown.emit(RowLook(number=number, row=TrainingRow(parts=()), problem=str(error)))
            return
        bare = RowLook(number=number, row=row)
        if not has_model:
            self._show_without(bare, "")
            return

        def tell(tokens: tuple[RowTokens, ...]) -> None:
            self.row_shown.emit(msgspec.structs.replace(bare, tokens=tokens))

        self._asking.show_row(row, settings, tell, lambda why: self._show_without(bare, why))

    def _show_without(self, bare: RowLook, why: str) -> None:
        usual = self.tr("Load the base model to see the exact tokens.")
        self.row_shown.emit(msgspec.structs.replace(bare, why_no_tokens=why or usual))

    def _plan(self, run: RunFile) -> None:
        data = resolved_data(run.data, run.model.path, self._home, self._read_settings())
        self._home.cache.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(prefix="plan-", dir=self._home.cache)
        folder = Path(place.name)
        try:
            write_rows(data, folder)
        except BaseException:
            place.cleanup()
            raise
        held_out = folder / EVALUATION_FILE
        request = TrainRequest(
            folder=str(folder),
            rows=str(folder / ROWS_FILE),
            evaluation_rows=str(held_out) if held_out.is_file() else "",
            settings=run.settings,
            samples=run.samples,
        )

        def tell(plan: TrainPlan) -> None:
            place.cleanup()
            self.run_planned.emit(plan)

        def refuse(why: str) -> None:
            place.cleanup()
            self.plan_refused.emit(why)

        self._asking.plan(request, tell, refuse)

    def _start(self, run: RunFile) -> None:
        run = resolved_run(run, self._home, self._read_settings())
        ref, launch = trainer_for(run.model, self._loaders, self._settings)
        base = msgspec.structs.replace(run.model, loader=ref.name)
        folder, _ = make_run(msgspec.structs.replace(run, model=base), self._home, self._hashes.of)
        write_task(folder, task_of(folder, read_run_file(folder.run_file), ref, self._home))
        start_run(folder, launch)
        self.run_started.emit(folder.id)

    def _resume(self, run_id: str) -> None:
        folder = RunFolder(self._home.runs / run_id)
        resume = check_resume(folder, None, self._hashes.of)
        ref, launch = trainer_for(resume.run.model, self._loaders, self._settings)
        write_task(folder, task_of(folder, resume.run, ref, self._home, resume.step))
        start_run(folder, launch)
        self.run_started.emit(folder.id)
