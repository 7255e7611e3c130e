"""Texts out of a row's columns, and faults told in words."""

from __future__ import annotations

from typing import Any

from .json_values import shortened
from .plan import RowError


def type_in_words(value: object) -> str:
    """What JSON calls it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"


def as_object(value: object) -> dict[str, Any]:
    """The row's columns. Raises RowError where it has none."""
    if isinstance(value, dict):
        return value
    raise RowError("not an object", f"The row is {type_in_words(value)}. A row is an object with named columns.")


def text_of(row: dict[str, Any], column: str | None) -> str:
    """The text in a column; empty where the column is missing, null or not mapped. Raises RowError for other things."""
    value = row.get(column) if column is not None else None
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise RowError(
        "not a text",
        f"{shortened(column)} holds {type_in_words(value)} ({shortened(value, 30)}), not a text. Write it in quotes.",
    )


def names_of(row: dict[str, Any]) -> str:
    """The first columns of a row, for a message."""
    return ", ".join(shortened(name, 20) for name in list(row)[:6]) + (", ..." if len(row) > 6 else "") or "none"


def required_text(row: dict[str, Any], column: str) -> str:
    """The same for a column that must be there and hold more than blanks."""
    if column not in row:
        raise RowError(f"no {column}", f"The row has no {shortened(column)} (its columns: {names_of(row)}).")
    text = text_of(row, column)
    if not text.strip():
        raise RowError(f"empty {column}", f"{shortened(column)} is empty, so there is nothing to learn.")
    return text
