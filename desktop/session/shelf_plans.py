"""What the window is told about things of the library before they are changed, and afterwards."""

from __future__ import annotations

import msgspec


class ShelfLook(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a thing before it is renamed, moved or deleted."""

    path: str
    name: str
    refusal: str = ""
    """Why it can't be changed now; empty where it can."""
    told: tuple[str, ...] = ()
    """What depends on it, in sentences."""
    size: int = 0
    """Bytes of all its files."""


class LinkedFolder(msgspec.Struct, frozen=True):
    """A folder of another program that is used in place."""

    path: str
    there: bool
    """Whether it can be read now; its disk may not be plugged in."""
