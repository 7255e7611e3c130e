"""The runs there are, with what they were told and what became of them."""

from __future__ import annotations

import msgspec

from desktop.engine.runs.folder import RunFolder
from desktop.library.home import Home
from desktop.library.places import visible

from .history import read_history
from .run_file import RunError, RunFile, read_run_file
from .state import Phase, state_of


class RunEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One run in the list."""

    id: str
    path: str
    phase: Phase = "failed"
    alive: bool = False
    """Whether an engine works on it."""
    sentence: str = ""
    resumable: bool = False
    """Whether it has ended early and can be resumed."""
    problem: str = ""
    """Why it can't be read; empty where it can."""
    name: str = ""
    """Of the adapter."""
    base: str = ""
    created: float = 0.0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    """Smoothed, of the last step."""
    evaluation_loss: float | None = None
    """Of the last evaluation."""
    checkpoints: tuple[int, ...] = ()
    rows: int = 0
    rows_hash: str = ""
    result: str = ""
    """Where the adapter is in the library."""
    parents: tuple[str, ...] = ()
    """What it was continued from and what it was trained on top of."""
    run: RunFile | None = None
    """Everything it was told."""


def list_runs(home: Home) -> list[RunEntry]:
    """Every run, the newest first. A broken one is in the list, with what is wrong."""
    found = [run_entry(RunFolder(home.runs / entry.name)) for entry in visible(home.runs) if entry.is_dir()]
    return sorted(found, key=lambda entry: (-entry.created, entry.id))


def run_entry(folder: RunFolder) -> RunEntry:
    """One run as it is now."""
    try:
        run = read_run_file(folder.run_file)
        history = read_history(folder)
        state = state_of(folder, history)
        if not state.alive:
            # Its last word may have come after the log was read and before the lock was looked at.
            history = read_history(folder)
            state = state_of(folder, history)
    except (RunError, OSError) as error:
        return RunEntry(id=folder.id, path=str(folder.root), problem=str(error), sentence="It can't be read.")
    record = run.record
    parents = [f"{row.name}={row.weight:g}" for row in run.stack]
    return RunEntry(
        id=folder.id,
        path=str(folder.root),
        phase=state.phase,
        alive=state.alive,
        sentence=state.sentence,
        resumable=state.resumable,
        name=run.name,
        base=run.model.name,
        created=record.created if record else 0.0,
        step=state.step,
        steps=state.steps,
        loss=history.steps[-1].smoothed_loss if history.steps else None,
        evaluation_loss=history.evaluations[-1].loss if history.evaluations else None,
        checkpoints=state.checkpoints,
        rows=record.rows if record else 0,
        rows_hash=record.rows_hash if record else "",
        result=history.ended.result if history.ended else "",
        parents=(*([run.continue_from] if run.continue_from else []), *parents),
        run=run,
    )
