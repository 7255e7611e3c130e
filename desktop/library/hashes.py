"""Content hashes of adapters, remembered by path, size and time: an adapter is read whole once, not at every reply."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from desktop.api import LoaderError

from .adapter_weights import BrokenAdapter, find_weights
from .atomic import write_atomically
from .identity import content_hash
from .names import CONFIG

FILE = "hashes.json"
KEPT = 10_000
"""Hashes that are remembered; the oldest go."""

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of change in nanoseconds of each file that is hashed."""


class ContentHashes:
    """Hands out what `desktop.library.identity.content_hash` says. May be used from several threads."""

    def __init__(self, cache: Path) -> None:
        """`cache` is the folder of what can be made again; it is read at the first question."""
        self._file = cache / FILE
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Stamp, str]] | None = None

    def of(self, folder: Path) -> str:
        """The hash of an adapter. Raises LoaderError if a file is missing or can't be read."""
        with self._lock:
            known = self._read() if self._known is None else self._known
            self._known = known
            stamp = _stamp(folder)
            kept = known.get(str(folder))
            if kept is not None and kept[0] == stamp:
                return kept[1]
            made = content_hash(folder)
            # A file that changed meanwhile has another stamp now, and its hash is of neither.
            if _stamp(folder) == stamp:
                known.pop(str(folder), None)
                known[str(folder)] = (stamp, made)
                self._write(known)
            return made

    def _read(self) -> dict[str, tuple[Stamp, str]]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, tuple[Stamp, str]])
        except (OSError, ValueError):
            return {}  # what can be made again is made again

    def _write(self, known: dict[str, tuple[Stamp, str]]) -> None:
        for path in list(known)[: max(len(known) - KEPT, 0)]:
            del known[path]
        try:
            write_atomically(self._file, msgspec.json.encode(known))
        except (OSError, UnicodeEncodeError):
            pass  # it only saves time; a full disk is told by whoever writes what can't be made again


def _stamp(folder: Path) -> Stamp:
    try:
        suffix, _ = find_weights(folder)
        files = [(name, (folder / name).stat()) for name in (CONFIG, f"adapter_model{suffix}")]
    except BrokenAdapter as error:
        raise LoaderError(f"{folder.name}: {error}") from error
    except OSError as error:
        raise LoaderError(f"{folder.name} can't be read ({error.strerror}: {error.filename}).") from error
    return tuple((name, status.st_size, status.st_mtime_ns) for name, status in files)
