"""What the Train place asks for and what it gets back: frozen values that may cross threads."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from desktop.api import (
    Evaluated,
    Evaluation,
    Lora,
    RowTokens,
    Sampled,
    StepDone,
    TrainingRow,
    TrainPlan,
    TrainRequest,
    TrainSettings,
)

if TYPE_CHECKING:
    from desktop.datasets import DataPlan
    from desktop.library.runs.state import RunState

Refuse = Callable[[str], None]
"""Hears why there is no answer; empty where the question was dropped."""


class Asking(Protocol):
    """The engine that is prompted, as far as training asks it something; it answers on a thread of its own."""

    def show_row(
        self, row: TrainingRow, settings: TrainSettings, tell: Callable[[tuple[RowTokens, ...]], None], refuse: Refuse
    ) -> None:
        """The tokens of a row."""

    def plan(self, request: TrainRequest, tell: Callable[[TrainPlan], None], refuse: Refuse) -> None:
        """What a run would be."""


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """What every step measured: doubles, one a step, all of the same length. Whoever gets them does not change them."""

    step: array[float]
    loss: array[float]
    smoothed: array[float]
    learning_rate: array[float]
    gradient_norm: array[float]
    speed: array[float]
    """Tokens a second."""

    @classmethod
    def empty(cls) -> Curves:
        """Of no step."""
        return cls(**{name: array("d") for name in cls.__struct_fields__})

    def add(self, steps: list[StepDone]) -> None:
        """These steps come next; only for whoever is filling them."""
        self.step.extend(done.step for done in steps)
        self.loss.extend(done.loss for done in steps)
        self.smoothed.extend(done.smoothed_loss for done in steps)
        self.learning_rate.extend(done.learning_rate for done in steps)
        self.gradient_norm.extend(done.gradient_norm for done in steps)
        self.speed.extend(done.tokens / done.seconds if done.seconds > 0 else 0.0 for done in steps)

    def copy(self) -> Curves:
        """The same numbers, to be handed out."""
        return Curves(**{name: getattr(self, name)[:] for name in self.__struct_fields__})


class RunLook(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is at a moment, with everything it has told since it began."""

    id: str
    path: str
    name: str
    """Of the adapter."""
    base: str
    state: RunState
    curves: Curves
    evaluations: tuple[Evaluated, ...] = ()
    prompts: tuple[str, ...] = ()
    """The sample prompts."""
    samples: tuple[Sampled, ...] = ()
    notes: tuple[str, ...] = ()
    tokens_per_second: float | None = None
    seconds_left: float | None = None
    stop_at_loss: float = 0.0
    """As the run was started with; 0 is off."""
    newest_checkpoint: str = ""
    """Its folder; empty where there is none."""
    result: str = ""
    """Where the finished adapter is."""
    detail: str = ""
    """The traceback of a bug, to be shown folded."""


class RowLook(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the data as it is trained on."""

    number: int
    """In the data, from 1."""
    row: TrainingRow
    tokens: tuple[RowTokens, ...] = ()
    """Of each block, as the training step sees them; empty where no tokenizer can be asked."""
    why_no_tokens: str = ""
    problem: str = ""
    """Why the row can't be used."""


class MeasurePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be measured on which rows."""

    data: DataPlan
    settings: TrainSettings
    stacks: tuple[tuple[str, tuple[Lora, ...]], ...]
    """The name of each line of the table, and the rows it stands for; none for the base."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table of an evaluation."""

    name: str
    evaluation: Evaluation | None = None
    problem: str = ""
    known: bool = False
    """Whether it was measured before and not anew."""


def as_csv(look: RunLook) -> str:
    """The numbers of every step, with the evaluations beside the steps they came after."""
    curves, evaluated = look.curves, {done.step: done for done in look.evaluations}
    lines = [",".join((*Curves.__struct_fields__, "evaluation_loss", "evaluation_accuracy"))]
    for number, step in enumerate(curves.step):
        done = evaluated.get(int(step))
        values = [getattr(curves, name)[number] for name in Curves.__struct_fields__[1:]]
        told = ["", ""] if done is None else [repr(done.loss), repr(done.accuracy)]
        lines.append(",".join((str(int(step)), *(repr(value) for value in values), *told)))
    return "\n".join(lines) + "\n"
