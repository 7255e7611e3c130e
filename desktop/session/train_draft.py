"""The form of a run as it was left, wholly filled in or not: it comes back after a restart or a kill."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class TrainDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the form. Parts of it are plain values, so that one of another version costs that part alone."""

    data: dict[str, Any] = {}
    """A DataPlan."""
    name: str = ""
    """Of the new adapter."""
    base: dict[str, Any] = {}
    """A Base that the user chose; empty where the loaded one is taken."""
    bits: int = 0
    """How the base is held; 0 where the user said nothing."""
    start: str = ""
    """The adapter that is gone on from."""
    on_stack: bool = False
    settings: dict[str, Any] = {}
    """Values that are not at their default, usable or not."""
    samples: str = ""


def part_of(values: dict[str, Any], kind: type[T]) -> T | None:
    """A part of a draft as what it was; None where nothing is kept or this version can't read it."""
    try:
        return msgspec.convert(values, kind) if values else None
    except msgspec.ValidationError:
        return None
