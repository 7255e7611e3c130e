"""One question with its answer, from columns or from a conversation that has no more than that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .plan import RowError
from .values import as_object, required_text, text_of

Turn = dict[str, str]
"""`instruction`, `input`, `output` and `system`; each may be empty but the output."""


def from_columns(value: Any, mapping: Mapping[str, str]) -> Turn:
    """The turn of an Alpaca or a completion row. Further columns are left alone. Raises RowError."""
    row = as_object(value)
    output = required_text(row, mapping.get("output") or mapping["completion"])
    asked = mapping.get("instruction") or mapping["prompt"]
    instruction, given = text_of(row, asked), text_of(row, mapping.get("input"))
    if asked not in row and not given:
        required_text(row, asked)  # says which columns there are
    if "instruction" in mapping and not instruction.strip() and not given.strip():
        raise RowError(f"empty {asked}", f"{asked!r} is empty, so nothing is asked.")
    return {
        "instruction": instruction,
        "input": given,
        "output": output,
        "system": text_of(row, mapping.get("system")),
    }


def single_turn(messages: Sequence[Mapping[str, Any]], template: str) -> Turn:
    """The turn of a conversation of one question and one answer. Raises RowError for any other."""
    roles = [message["role"] for message in messages]
    if roles != ["user", "assistant"]:
        raise RowError(
            "more than one question and answer",
            f"The conversation goes {', '.join(roles)}, but {template} has a place for one user and one assistant "
            "message only. Use the model's own template, or chatml.",
        )
    return {"instruction": messages[0]["content"], "input": "", "output": messages[1]["content"], "system": ""}
