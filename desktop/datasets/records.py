"""A row as it stands in a file, before anybody asked what it means."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .plan import RowError

Container = Literal["json list", "json lines", "json objects", "comma table", "tab table", "text"]
"""How a file holds its rows."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a file, or the place where one should be."""

    file: str
    """Name of the file, without its folder."""
    row: int
    """Number in the data, from 1."""
    line: int
    """Line on which it begins, from 1."""
    value: Any = None
    """What JSON holds there; for tables a dict of texts, for raw text a str."""
    problem: RowError | None = None
    """Why there is no value."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A row of one file without its number in the data."""

    line: int
    value: Any = None
    problem: RowError | None = None
