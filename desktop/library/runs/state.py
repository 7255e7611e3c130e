"""What is true of a run now, from its log and its lock, and a sentence for people."""

from __future__ import annotations

from typing import Literal

import msgspec

from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import holder

from .history import History, checkpoints_of

Phase = Literal["preparing", "running", "finished", "stopped", "failed", "crashed"]


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """A run at this moment."""

    phase: Phase
    sentence: str
    """What is so, and what can be done."""
    resumable: bool = False
    """Whether the run has ended early and can be resumed, if only from its beginning."""
    alive: bool
    """Whether an engine works on it."""
    step: int = 0
    steps: int = 0
    """Of the whole run; 0 where that is not known yet."""
    checkpoints: tuple[int, ...] = ()
    """Steps it can be resumed from, rising."""


def state_of(folder: RunFolder, history: History) -> RunState:
    """The present state. Read the history after nobody holds the lock, or its last word may be missing."""
    alive = holder(folder.lock) is not None
    kept = tuple(checkpoints_of(folder, history))
    phase, sentence = _living(history) if alive else _ended(history, kept)
    return RunState(
        phase=phase,
        sentence=sentence,
        resumable=not alive and (phase == "crashed" or (history.ended is not None and history.ended.report is None)),
        alive=alive,
        step=history.step,
        steps=history.total_steps,
        checkpoints=kept,
    )


def _living(history: History) -> tuple[Phase, str]:
    if history.ended is not None:
        return "running", "It is coming to its end."
    if history.started is None:
        doing = f": {history.preparing.text}" if history.preparing else ""
        return "preparing", f"The model is being loaded{doing}."
    return "running", f"It is at step {history.step} of {history.total_steps}."


def _ended(history: History, kept: tuple[int, ...]) -> tuple[Phase, str]:
    ended = history.ended
    if ended is not None:
        if ended.report is not None:
            at = "after all its steps" if ended.report.reason == "steps" else _REASONS[ended.report.reason]
            return ended.how, _joined(f"It ended {at} at step {ended.report.steps}.", ended.message)
        return ended.how, _joined(ended.message, _way_on(history, kept))
    if not history.launches:
        return "preparing", "It was prepared and never started."
    how = history.died.reason if history.died else "ended without a word"
    at = f" at step {history.step}" if history.started else " before its first step"
    words = f"The engine {how if not history.died else f'is gone: {how},'}{at}."
    return "crashed", _joined(words, _way_on(history, kept))


_REASONS = {
    "stopped": "on request, with what it had learnt,",
    "loss": "because its loss was low enough,",
    "patience": "because the evaluation no longer improved,",
}


def _way_on(history: History, kept: tuple[int, ...]) -> str:
    if not kept:
        lost = f" and loses {_steps(history.step)}" if history.step else ""
        return f"There is no checkpoint; resuming begins anew{lost}."
    return f"The last checkpoint is step {kept[-1]}; resuming loses {_steps(max(history.step - kept[-1], 0))}."


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count or 'no'} steps"


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
