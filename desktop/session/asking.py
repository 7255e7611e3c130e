"""Questions about training to the engine that is prompted: it has the tokenizer, and is asked when it is free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from desktop.api import RowTokens, TrainingRow, TrainPlan, TrainRequest, TrainSettings
from desktop.engine.client import EngineClient
from desktop.engine.jobs import EngineGone, Job, JobCancelled, JobFailed

from .lane import Lane
from .train_plans import Refuse


class EngineAsking:
    """Asks on the engine's main lane, one thing after the other; answers are given there too."""

    def __init__(
        self, lane: Lane, client: Callable[[], EngineClient | None], lost: Callable[[EngineGone], None]
    ) -> None:
        """`client` is the engine with a model, where there is one."""
        self._lane = lane
        self._client = client
        self._lost = lost

    def show_row(
        self, row: TrainingRow, settings: TrainSettings, tell: Callable[[tuple[RowTokens, ...]], None], refuse: Refuse
    ) -> None:
        """The tokens of a row. Never waits."""
        self._lane.submit(lambda: self._ask(lambda client: client.show_row(row, settings), tell, refuse))

    def plan(self, request: TrainRequest, tell: Callable[[TrainPlan], None], refuse: Refuse) -> None:
        """What a run would be. Never waits."""
        self._lane.submit(lambda: self._ask(lambda client: client.plan_training(request), tell, refuse))

    def _ask(self, question: Callable[[EngineClient], Job[Any]], tell: Callable[[Any], None], refuse: Refuse) -> None:
        client = self._client()
        if client is None:
            refuse("")
            return
        try:
            answer = question(client).result()
        except JobCancelled:
            refuse("")
        except EngineGone as gone:
            refuse(str(gone))
            self._lost(gone)
        except JobFailed as failed:
            refuse(str(failed))
        else:
            tell(answer)
