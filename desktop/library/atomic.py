"""Writing whatever the user made so that a crash leaves either the old file or the new one, never half of one.

A damaged file is kept beside the new one.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

STALE = 60.0
"""Seconds after which a file that was being written is not being written any more."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write to a file beside `path`, flush it to the disk, rename it. Raises OSError; `path` is then as before.

    A link is replaced, not followed.
    """
    with written_atomically(path) as file:
        file.write(data)


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file to be written piece by piece that takes the place of `path` at the end of the block, as above.

    `path` is as it was before where the block raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_halves(path: Path) -> None:
    """Delete what a kill in the middle of writing `path` has left beside it; another process may be writing it now."""
    for half in path.parent.glob(f".{path.name}.*.part"):
        try:
            if time.time() - half.stat().st_mtime > STALE:
                half.unlink()
        except OSError:
            continue  # gone meanwhile, or not ours to delete: the next start tries again


def set_aside(path: Path) -> Path:
    """Move a damaged file to a name that is free, beside it; where it is now. Raises OSError."""
    marks = (".broken", *(f".broken-{number}" for number in range(2, 1000)))
    names = (f"{path.stem}{mark}{path.suffix}" for mark in marks)
    aside = next(file for name in names if not (file := path.with_name(name)).exists())
    return path.replace(aside)
