"""Remembers what loader plugins said of themselves, so that a start with nothing new asks none of them.

An answer is kept for one interpreter, one distribution and version, and one entry-point value. It is stale when

- anything was installed, updated or removed where that interpreter keeps its packages (bitsandbytes came: now there
  are 8 and 4 bits) or on PYTHONPATH: the names there, and the times of the metadata folders, have changed;
- a file of the plugin, of the packages lent with it (`loader_kit`) or of this program's contract has changed, as it
  does in a checkout;
- the interpreter itself was replaced;
- it is older than a day: a new graphics card, driver or compiler leaves no trace in any folder we know.

A plugin that hung or crashed is remembered like the others, or every start would wait for it again; `refresh` asks
all anew. An interpreter that could not be started is not remembered: finding that out again costs little and the cure
(plugging in a disk) may leave no trace. Verdicts about models are never kept.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from desktop.engine.messages import LoaderRef
from desktop.library.atomic import write_atomically

from .describer import Found

MAX_AGE = 24 * 3600.0
"""Seconds an answer is believed."""


class Entry(msgspec.Struct, frozen=True):
    """One answer, and the state of the world it was given in."""

    state: str
    at: float
    """Seconds since the epoch."""
    found: Found


class Cache:
    """The answers on disk. Not safe for use from several threads at once."""

    def __init__(self, file: Path, *, refresh: bool = False) -> None:
        """A file that is missing or broken is an empty cache, and so is any file with `refresh`."""
        self._file = file
        self._entries: dict[tuple[LoaderRef, str], Entry] = {}
        self._changed = False
        if not refresh:
            self._entries = {(entry.found.ref, entry.found.interpreter): entry for entry in _read(file)}

    def get(self, ref: LoaderRef, interpreter: str, state: str) -> Found | None:
        """What the plugin said in this very state; None if it must be asked."""
        entry = self._entries.get((ref, interpreter))
        return entry.found if entry is not None and entry.state == state and _is_fresh(entry) else None

    def put(self, found: Found, state: str) -> None:
        """Remember an answer given in this state."""
        self._entries[found.ref, found.interpreter] = Entry(state, time.time(), found)
        self._changed = True

    def save(self) -> None:
        """Write what is new. Entries past their age go; a folder that can't be written to is no failure."""
        if not self._changed:
            return
        entries = [entry for entry in self._entries.values() if _is_fresh(entry)]
        try:
            write_atomically(self._file, msgspec.json.encode(entries))
        except OSError:
            # Only the next start is slower for it, and whoever really must write there says what is wrong.
            return
        self._changed = False


def _read(file: Path) -> list[Entry]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Entry])
    except (OSError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return []


def _is_fresh(entry: Entry) -> bool:
    # The lower bound: a clock that was set back must not make an answer live for ever.
    return 0 <= time.time() - entry.at < MAX_AGE
