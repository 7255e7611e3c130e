"""A checkpoint of a run on the stack: the newest takes the place of an older one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from desktop.api import Lora
from desktop.library.names import make_row_id


def with_newest(rows: Sequence[Lora], adapter: str, name: str, run_folder: str) -> tuple[Lora, ...]:
    """The stack with this adapter: in the place of the run's older checkpoints, with the weight and the tick of the
    first of them, else at the end."""
    row_id = make_row_id(Path(adapter), [row.id for row in rows])
    older = [row for row in rows if Path(row.path).is_relative_to(run_folder)]
    if not older:
        return (*rows, Lora(id=row_id, name=name, path=adapter))
    first = older[0]
    new = Lora(id=row_id, name=name, path=adapter, weight=first.weight, enabled=first.enabled)
    return tuple(new if row is first else row for row in rows if row is first or row not in older)
