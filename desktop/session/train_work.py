"""What the training keeper does on its thread: data is read and checked there, runs are planned, made and started."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

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

from .train_choice import resolved_data, resolved_run, trainer_for
from .train_plans import Asking, RowLook
from .translating import tr

if TYPE_CHECKING:
    from .train_keeper import TrainKeeper

IN_WORDS = (DataError, RunError, RunNotStarted, LoaderError, NameNotFound, SettingsError)
"""What a person is told as it is."""


class TrainWork:
    """Every method reads files and may take as long as they are large; the keeper's signals tell what came of it."""

    def __init__(self, keeper: TrainKeeper, home: Home, settings: Settings, loaders: Loaders, asking: Asking) -> None:
        """Nothing is read yet."""
        self._keeper = keeper
        self._home = home
        self._loaders = loaders
        self._asking = asking
        self._settings = settings
        self._hashes = ContentHashes(home.cache)
        self._prepared: Prepared | None = None

    def _read_settings(self) -> Settings:
        return read_settings_file(self._home.settings_file)

    def list_data(self) -> None:
        """What the library holds to train on."""
        settings = self._read_settings()
        self._keeper.data_listed.emit(list_datasets(self._home, settings), list_formats(self._home, settings))

    def check(self, plan: DataPlan, model: str, outdated: Callable[[], bool]) -> None:
        """Read and check every row, unless that is outdated by now. Raises JobCancelled when it is."""
        self._prepared = None

        def tell(done: int, whole: int) -> None:
            if outdated():
                raise JobCancelled
            self._keeper.check_progressed.emit(done / whole if whole else 0.0)

        if outdated():
            raise JobCancelled
        prepared = prepare(resolved_data(plan, model, self._home, self._read_settings()), tell)
        self._prepared = prepared
        self._keeper.data_checked.emit(prepared.report)

    def show_row(self, number: int, settings: TrainSettings, has_model: bool) -> None:
        """One row of the checked data, with its tokens where the engine holds the base it will be trained on."""
        if self._prepared is None:
            return
        try:
            row = self._prepared.row(number)
        except DataError as error:
            self._keeper.row_shown.emit(RowLook(number=number, row=TrainingRow(parts=()), problem=str(error)))
            return
        bare = RowLook(number=number, row=row)
        if not has_model:
            self._show_without(bare, "")
            return

        def tell(tokens: tuple[RowTokens, ...]) -> None:
            self._keeper.row_shown.emit(msgspec.structs.replace(bare, tokens=tokens))

        self._asking.show_row(row, settings, tell, lambda why: self._show_without(bare, why))

    def _show_without(self, bare: RowLook, why: str) -> None:
        usual = tr("Load the base model to see the exact tokens.")
        self._keeper.row_shown.emit(msgspec.structs.replace(bare, why_no_tokens=why or usual))

    def plan(self, run: RunFile) -> None:
        """What the run would be on the base that is loaded."""
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
            self._keeper.run_planned.emit(plan)

        def refuse(why: str) -> None:
            place.cleanup()
            self._keeper.plan_refused.emit(why)

        self._asking.plan(request, tell, refuse)

    def start(self, run: RunFile) -> None:
        """Make a run and start its engine."""
        run = resolved_run(run, self._home, self._read_settings())
        ref, launch = trainer_for(run.model, self._loaders, self._settings)
        base = msgspec.structs.replace(run.model, loader=ref.name)
        folder, _ = make_run(msgspec.structs.replace(run, model=base), self._home, self._hashes.of)
        write_task(folder, task_of(folder, read_run_file(folder.run_file), ref, self._home))
        start_run(folder, launch)
        self._keeper.run_started.emit(folder.id)

    def resume(self, run_id: str) -> None:
        """Go on with a run from its newest checkpoint."""
        folder = RunFolder(self._home.runs / run_id)
        resume = check_resume(folder, None, self._hashes.of)
        ref, launch = trainer_for(resume.run.model, self._loaders, self._settings)
        write_task(folder, task_of(folder, resume.run, ref, self._home, resume.step))
        start_run(folder, launch)
        self._keeper.run_started.emit(folder.id)
