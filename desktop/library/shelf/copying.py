"""What has to hold before something is copied to another place and deleted here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from .problems import ShelfError

Seen = dict[str, tuple[int, int, int]]
"""Of each file, link and folder: its kind, its size in bytes and when it was written, in nanoseconds."""


def look(paths: Iterable[Path]) -> Seen:
    """All that is there. Raises OSError."""
    found = {}
    for path in _walk(paths):
        facts = path.lstat()
        found[str(path)] = (facts.st_mode, facts.st_size, facts.st_mtime_ns)
    return found


def refuse_links_out(paths: Iterable[Path]) -> None:
    """Raise ShelfError for a relative link to something outside: from another place it would lead nowhere."""
    for top in paths:
        for path in _walk((top,)):
            if not path.is_symlink() or path.readlink().is_absolute():
                continue
            leads = Path(os.path.normpath(path.parent / path.readlink()))
            if not leads.is_relative_to(top):
                raise ShelfError(
                    f"{path.name} in {top.name} is a link to {path.readlink()}, which leads nowhere from elsewhere. "
                    "Replace the link with the file, or move both with the system's file manager."
                )


def _walk(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(sorted(path.iterdir()))
