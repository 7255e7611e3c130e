"""Which parts of a row count in the loss."""

from __future__ import annotations

from collections.abc import Sequence

from desktop.api import Part

from .json_values import shortened
from .plan import AFTER, EVERYTHING, RowError, unescaped


def with_loss(parts: Sequence[Part], loss: str) -> tuple[Part, ...]:
    """The parts of a row whose answers are marked, marked as `loss` says. Raises RowError where a text is missing."""
    if loss == EVERYTHING:
        return (Part("".join(part.text for part in parts)),)
    if not loss.startswith(AFTER):
        return tuple(part for part in parts if part.text)
    after = unescaped(loss.removeprefix(AFTER))
    text = "".join(part.text for part in parts)
    before, found, rest = text.partition(after)
    if not found:
        raise RowError(
            "text to learn after not found", f"{shortened(after)} doesn't stand in the row, so nothing would be learnt."
        )
    if not rest.strip():
        raise RowError("nothing to learn", f"Nothing stands after {shortened(after)} in the row.")
    return (Part(before + found, trained=False), Part(rest))
