"""Which kind of rows files hold, and which column is what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from .plan import DataPlan


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How a set of files is read."""

    kind: str
    reason: str
    mapping: dict[str, str] = {}
    notes: tuple[str, ...] = ()


def find_shape(files: Sequence[Path], plan: DataPlan) -> Shape:
    """Look at the first rows."""
    names = ("instruction", "input", "output")
    return Shape(kind="alpaca", reason="", mapping={name: name for name in names} | plan.mapping)
