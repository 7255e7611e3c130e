"""Prepares data, plans and starts runs, and goes on with them, on a thread of its own: files of any size are read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from desktop.api import TrainSettings
from desktop.discovery.loaders import Loaders
from desktop.engine.jobs import JobCancelled
from desktop.library.home import Home
from desktop.library.settings import Settings

from .lane import Lane
from .train_plans import Asking

if TYPE_CHECKING:
    from desktop.datasets import DataPlan
    from desktop.library.runs.run_file import RunFile

    from .train_work import TrainWork


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
        self._work: TrainWork | None = None
        self._given = (home, settings, loaders, asking)
        self._lane = Lane("training data", self)
        self.lanes = (self._lane,)
        self._ending = threading.Event()
        self._checks = 0

    @Slot()
    def list_data(self) -> None:
        """Read what the library holds to train on."""
        self._do(lambda work: work.list_data(), self.data_refused.emit)

    def check_data(self, plan: DataPlan, model: str) -> None:
        """Read and check every row; `model` is the path of the base. What was asked before is left."""
        self._checks += 1
        number = self._checks

        def outdated() -> bool:
            return self._ending.is_set() or number != self._checks

        self._do(lambda work: work.check(plan, model, outdated), self.data_refused.emit)

    def show_row(self, number: int, settings: TrainSettings, has_model: bool) -> None:
        """Show a row of the checked data, with its tokens where the engine holds the base it will be trained on."""
        self._do(lambda work: work.show_row(number, settings, has_model), self.data_refused.emit)

    def plan_run(self, run: RunFile) -> None:
        """Work out steps, lengths and memory on the base that is loaded."""
        self._do(lambda work: work.plan(run), self.plan_refused.emit)

    def start_training(self, run: RunFile) -> None:
        """Make a run and start its engine."""
        self._do(lambda work: work.start(run), self.start_refused.emit)

    @Slot(str)
    def resume_run(self, run_id: str) -> None:
        """Go on with a run from its newest checkpoint."""
        self._do(lambda work: work.resume(run_id), self.start_refused.emit)

    def shut_down(self) -> None:
        """End the thread; waits for it."""
        self._ending.set()
        self._lane.shut_down()

    def _do(self, work: Callable[[TrainWork], None], refuse: Callable[[str], None]) -> None:
        def run() -> None:
            # Here and not above: datasets and runs take their time to import, and the window's start doesn't wait.
            from .train_work import IN_WORDS, TrainWork

            if self._work is None:
                self._work = TrainWork(self, *self._given)
            try:
                work(self._work)
            except JobCancelled:
                pass  # something else was asked for meanwhile, or the program is ending
            except IN_WORDS as error:
                refuse(str(error))
            except OSError as error:
                words = self.tr("The system says: {reason} ({path}).")
                refuse(words.format(reason=error.strerror or error, path=error.filename))

        self._lane.submit(run)
