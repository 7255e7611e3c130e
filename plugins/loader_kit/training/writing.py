"""Writes a folder so that it is either there complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from desktop.api import LoaderError

SPARE_DISK = 16 * 1024 * 1024
"""Bytes that must be free beyond what is written."""


def write_folder(target: Path, files: Mapping[str, bytes]) -> int:
    """Write the files into a temporary folder beside `target`, flush them to the disk, rename it; the bytes written.

    A folder that is there already is replaced once the new one is complete. Raises LoaderError when the disk has no
    room, or takes nothing; the old one is then still there.
    """
    size = sum(len(content) for content in files.values())
    refuse_full_disk(target.parent, size)
    temporary = target.parent / f".{target.name}.part-{os.getpid()}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in target.parent.glob(f".{target.name}.*-*"):
            shutil.rmtree(left, ignore_errors=True)  # by a process that was killed while it wrote
        temporary.mkdir()
        for name, content in files.items():
            with (temporary / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _flush_folder(temporary)
        _take_the_place(temporary, target)
        _flush_folder(target.parent)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise LoaderError(f"{target} can't be written ({error.strerror or error}). Free some space.") from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return size


def refuse_full_disk(folder: Path, size: int) -> None:
    """Raise LoaderError where so many bytes don't fit beside what is there."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < size + SPARE_DISK:
        raise LoaderError(
            f"{(size + SPARE_DISK) / 1e6:,.0f} MB are needed in {folder}, and {free / 1e6:,.0f} MB are free. Free some "
            "space, or keep fewer checkpoints."
        )


def _take_the_place(new: Path, target: Path) -> None:
    if not target.exists():
        new.rename(target)
        return
    old = target.parent / f".{target.name}.old-{os.getpid()}"
    target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _flush_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system has that for folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
