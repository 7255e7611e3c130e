"""Tags, favourites and when something was used last, for models and adapters, in one JSON file.

The key is the resolved path, as for notes (see `desktop.library.adapter_notes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from desktop.library.adapter_notes import carry_keys
from desktop.library.atomic import set_aside, write_atomically
from desktop.library.home_lock import home_lock

FILE = "library_marks.json"
LONGEST_TAG = 40
MOST_TAGS = 20


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept about one thing."""

    tags: tuple[str, ...] = ()
    favourite: bool = False
    used: float = 0.0
    """When it was loaded or attached last, in seconds since 1970; 0 for never."""


Marks = Mapping[str, Mark]
"""By `desktop.library.adapter_notes.adapter_key`."""


def parse_tags(text: str) -> tuple[str, ...]:
    """The tags in a text where commas part them: without doubles, each at most 40 characters, at most twenty."""
    tags = (" ".join(part.split())[:LONGEST_TAG].strip() for part in text.split(","))
    return tuple({tag.casefold(): tag for tag in tags if tag}.values())[:MOST_TAGS]


def read_marks(root: Path) -> tuple[Marks, str]:
    """What is kept in a home folder, and what went wrong in words. Raises OSError; nothing may then be written.

    A file that makes no sense is moved aside, never overwritten.
    """
    path = root / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Mark]), ""
    except FileNotFoundError:
        return {}, ""
    except (ValueError, RecursionError):
        aside = set_aside(path)
        return {}, f"Tags and favourites could not be read. They were kept as {aside}."


def set_tags(root: Path, key: str, tags: Sequence[str]) -> tuple[Marks, str]:
    """Keep these tags; what is kept then. Raises OSError."""
    return _change(root, (key,), tags=tuple(tags))


def set_favourite(root: Path, key: str, favourite: bool) -> tuple[Marks, str]:
    """Keep whether it is one; what is kept then. Raises OSError."""
    return _change(root, (key,), favourite=favourite)


def set_used(root: Path, keys: Sequence[str], when: float) -> tuple[Marks, str]:
    """Keep when they were used; what is kept then. Raises OSError."""
    return _change(root, keys, used=when)


def carry_marks(root: Path, old: str, new: str) -> None:
    """The marks of what lay at or below one key are those of another from now on. Raises OSError."""
    with home_lock(root, "notes"):
        marks, _ = read_marks(root)
        carried = carry_keys(marks, old, new)
        if carried != marks:
            _write(root, carried)


def _change(root: Path, keys: Sequence[str], **change: object) -> tuple[Marks, str]:
    with home_lock(root, "notes"):
        before, notice = read_marks(root)
        changed = {key: msgspec.structs.replace(before.get(key, Mark()), **change) for key in keys}
        marks = {key: mark for key, mark in {**before, **changed}.items() if mark != Mark()}
        if marks != before:
            _write(root, marks)
    return marks, notice


def _write(root: Path, marks: Marks) -> None:
    write_atomically(root / FILE, msgspec.json.format(msgspec.json.encode(marks)))
