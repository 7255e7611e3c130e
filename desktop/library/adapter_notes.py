"""What the user wrote down about adapters: notes, a preferred weight and a trigger text, in one JSON file.

The key is the adapter's resolved path: it is known at once, links to one folder share their notes, and a training that
goes on under the same name keeps them. A folder that is moved outside the program starts without notes; the old ones
stay in the file. Models have notes in the same file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from .atomic import set_aside, write_atomically
from .home_lock import home_lock

FILE = "adapter_notes.json"
Value = TypeVar("Value")


class AdapterNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept about one adapter."""

    notes: str = ""
    weight: float | None = None
    """The weight it starts with when it is added; None for 1."""
    trigger: str = ""
    """Words that call up what it was trained for."""


Notes = Mapping[str, AdapterNote]
"""By the adapter's key."""


def adapter_key(path: str) -> str:
    """What an adapter's note is kept under: its resolved path, as the system compares paths."""
    return os.path.normcase(os.path.realpath(path)).encode("utf-8", "backslashreplace").decode("utf-8")


def read_notes(root: Path) -> tuple[Notes, str]:
    """What is kept in a home folder, and what went wrong in words. Raises OSError; nothing may then be written.

    A file that makes no sense is moved aside, never overwritten.
    """
    path = root / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, AdapterNote]), ""
    except FileNotFoundError:
        return {}, ""
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        aside = set_aside(path)
        return {}, f"The notes about adapters could not be read. They were kept as {aside}."


def write_note(root: Path, key: str, note: AdapterNote) -> tuple[Notes, str]:
    """Keep a note, an empty one by forgetting it; what is kept then, as `read_notes` has it. Raises OSError.

    The file is read anew, so that another window's notes stay.
    """
    with home_lock(root, "notes"):
        before, notice = read_notes(root)
        notes = {**before, key: note}
        if note == AdapterNote():
            del notes[key]
        _write(root, notes)
    return notes, notice


def carry_notes(root: Path, old: str, new: str) -> None:
    """The notes of what lay at or below one key are those of another from now on. Raises OSError."""
    with home_lock(root, "notes"):
        notes, _ = read_notes(root)
        carried = carry_keys(notes, old, new)
        if carried != notes:
            _write(root, carried)


def carry_keys(kept: Mapping[str, Value], old: str, new: str) -> dict[str, Value]:
    """The same values, with a key and whatever is below it moved to another place."""
    below = old + os.sep
    return {new + key[len(old) :] if key == old or key.startswith(below) else key: value for key, value in kept.items()}


def _write(root: Path, notes: Notes) -> None:
    write_atomically(root / FILE, msgspec.json.format(msgspec.json.encode(notes)))
