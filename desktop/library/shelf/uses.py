"""What uses a thing of the library now, so that it may not be touched."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from desktop.library.adapter_notes import adapter_key
from desktop.library.home import Home

from .units import Unit


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
    """What the training runs that are going on hold open. Raises OSError."""
    # Here and not above: nobody needs it before something is to be changed.
    from desktop.library.runs.listing import list_runs

    found = []
    for entry in list_runs(home):
        if entry.phase not in ("preparing", "running") or entry.run is None:
            continue
        words = f"The training {entry.name or entry.id} uses it. Wait until that has ended, or stop it."
        paths = [entry.run.model.path, *(row.path for row in entry.run.stack), entry.run.continue_from]
        found += [Use(path, words) for path in paths if path and Path(path).is_absolute()]
    return found
