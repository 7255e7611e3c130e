"""What uses a thing of the library now, so that it may not be touched."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from desktop.library.adapter_notes import adapter_key
from desktop.library.home import Home

from .units import Unit

if TYPE_CHECKING:
    from desktop.library.runs.listing import RunEntry


class Use(msgspec.Struct, frozen=True):
    """Somebody uses what lies at a path."""

    path: str
    sentence: str
    """Who, and what to do."""


def reason_in_use(unit: Unit, uses: Iterable[Use]) -> str:
    """Why it may not be touched, empty where nobody uses it or anything in it."""
    own = [Path(adapter_key(str(path))) for path in unit.paths]
    for use in uses:
        used = Path(adapter_key(use.path))
        if any(used.is_relative_to(one) or one.is_relative_to(used) for one in own):
            return use.sentence
    return ""


def uses_of_runs(home: Home) -> list[Use]:
    """What the training runs that are going on hold open, and the checkpoints that runs go on from. Raises OSError."""
    # Here and not above: nobody needs it before something is to be changed.
    from desktop.library.runs.listing import list_runs

    found = []
    for entry in list_runs(home):
        found += _checkpoints_in_use(entry)
        if entry.phase not in ("preparing", "running") or entry.run is None:
            continue
        words = f"The training {entry.name or entry.id} uses it. Wait until that has ended, or stop it."
        paths = [entry.run.model.path, *(row.path for row in entry.run.stack), entry.run.continue_from]
        found += [Use(path, words) for path in paths if path and Path(path).is_absolute()]
    return found


def _checkpoints_in_use(entry: RunEntry) -> list[Use]:
    """All of a run that is going on, and the one that a run which has not finished would go on from."""
    from desktop.engine.runs.folder import RunFolder
    from desktop.library.runs.history import checkpoint_path

    folder, name = RunFolder(Path(entry.path)), entry.name or entry.id
    if entry.alive:
        words = f"The training {name} is running and keeps its checkpoints itself. Wait until it has ended, or stop it."
        return [Use(str(folder.checkpoints), words)]
    if entry.phase == "finished" or not entry.checkpoints:
        return []
    words = f"The training {name} would go on from it. Let that end first, or delete the training in the Train place."
    return [Use(str(checkpoint_path(folder, entry.checkpoints[-1])), words)]
