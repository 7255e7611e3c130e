"""Which of a conversation's oldest messages are left out where the context has no room for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from desktop.api import Message


def cuts_of(before: Sequence[Message]) -> list[int]:
    """How many of the oldest messages can be left out, so that what is left begins with the user's."""
    return [at for at in range(1, len(before)) if before[at].role == "user"] + ([len(before)] if before else [])


def fewest_dropped(before: Sequence[Message], fits: Callable[[int], bool]) -> int:
    """How many of the oldest messages must be left out; `fits` tells whether it is enough. All of them if none is."""
    cuts = cuts_of(before)
    low, high = 0, len(cuts) - 1
    while low < high:
        middle = (low + high) // 2
        if fits(cuts[middle]):
            high = middle
        else:
            low = middle + 1
    return cuts[low]
