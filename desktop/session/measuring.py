"""Measures the base, adapters, checkpoints and the stack on rows, in one table; what is known is not measured again."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop.api import EvaluateRequest, LoaderError, Lora, ModelInfo
from desktop.engine.client import EngineClient
from desktop.engine.jobs import EngineGone, JobCancelled, JobFailed
from desktop.library.hashes import ContentHashes
from desktop.library.home import Home
from desktop.library.settings import read_settings_file

from .stack_keeper import apply_rows
from .stack_tools import StackTools
from .train_plans import Measured, MeasurePlan

if TYPE_CHECKING:
    from desktop.library.runs.evaluations import Evaluations


class Measuring(QObject):
    """Works on the engine's lane through StackTools, whose signals tell its progress, its failure and its end."""

    #: One line of the table: Measured.
    measured = Signal(object)

    def __init__(self, home: Home, tools: StackTools, parent: QObject | None = None) -> None:
        """Nothing is measured yet."""
        super().__init__(parent)
        self._home = home
        self._tools = tools
        self._hashes = ContentHashes(home.cache)

    def measure(self, plan: MeasurePlan, info: ModelInfo) -> None:
        """Measure every line of the plan on the loaded model; its stack is afterwards what it was. Never waits."""
        self._tools.work(lambda client: self._measure(client, plan, info))

    def _measure(self, client: EngineClient, plan: MeasurePlan, info: ModelInfo) -> None:
        # Here and not above, as in the training keeper: the window's start doesn't wait for it.
        from desktop.library.runs.evaluations import Evaluations

        self._home.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="measure-", dir=self._home.cache) as name:
            request = EvaluateRequest(rows=str(self._rows(plan, info, Path(name))), settings=plan.settings)
            known = Evaluations(self._home, info, request)
            before = client.stack
            try:
                for title, stack in plan.stacks:
                    if self._tools.stopped:
                        raise JobCancelled
                    self.measured.emit(self._line(client, title, stack, request, known))
            finally:
                if client.pid is not None:
                    apply_rows(client, before)

    def _rows(self, plan: MeasurePlan, info: ModelInfo, folder: Path) -> Path:
        from desktop.datasets import ROWS_FILE, DataError, write_rows

        from .train_choice import resolved_data

        def tell(done: int, whole: int) -> None:
            if self._tools.stopped:
                raise JobCancelled
            self._tools.progressed.emit(self.tr("Reading the rows"), done / whole if whole else 0.0)

        try:
            settings = read_settings_file(self._home.settings_file)
            write_rows(resolved_data(plan.data, info.path, self._home, settings), folder, tell)
        except DataError as error:
            raise LoaderError(str(error)) from error
        return folder / ROWS_FILE

    def _line(
        self, client: EngineClient, title: str, stack: tuple[Lora, ...], request: EvaluateRequest, known: Evaluations
    ) -> Measured:
        try:
            key = known.key(stack, self._hashes.of)
            if (found := known.get(key)) is not None:
                return Measured(name=title, evaluation=found, known=True)
            client.set_stack(stack).result()
            words = self.tr("Measuring {name}").format(name=title)
            found = self._tools.follow(client.evaluate(request), words)
            known.put(key, found)
        except EngineGone:
            raise
        except (JobFailed, LoaderError) as error:
            return Measured(name=title, problem=str(error))
        return Measured(name=title, evaluation=found)
