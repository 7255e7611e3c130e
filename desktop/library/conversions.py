"""Remembers which file a converted model was made from, so that it is converted once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from .atomic import write_atomically

NOTE = "lora-deck.json"
"""The file beside a converted model that names its source."""


class Source(msgspec.Struct, frozen=True):
    """A file as it was when it was converted."""

    path: str
    size: int
    modified: int
    """Nanoseconds since the epoch."""


def source_of(path: Path) -> Source:
    """The file as it is now."""
    status = path.stat()
    return Source(str(path.resolve()), status.st_size, status.st_mtime_ns)


def converted_from(folder: Path) -> Source | None:
    """What a model folder was converted from; None where it was not, or where the note can't be read."""
    try:
        return msgspec.json.decode((folder / NOTE).read_bytes(), type=Source)
    except (OSError, ValueError):
        return None


def find_conversion(models: Path, file: Path) -> Path | None:
    """The library's folder that was made from this very file, if there is one."""
    wanted = source_of(file)
    if not models.is_dir():
        return None
    return next((folder for folder in sorted(models.iterdir()) if converted_from(folder) == wanted), None)


def note_conversion(folder: Path, file: Path) -> None:
    """Write down what `folder` was made from."""
    write_atomically(folder / NOTE, msgspec.json.encode(source_of(file)))


def free_name(models: Path, stem: str) -> Path:
    """A folder for a new model that is not there yet: `stem`, else `stem-2`, and so on."""
    number = 1
    target = models / stem
    while target.exists():
        number += 1
        target = models / f"{stem}-{number}"
    return target
