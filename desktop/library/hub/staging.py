"""The hidden folder in which a download gathers, and how it becomes a folder of the library: at once and whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from desktop.library.sizes import size_in_words

from .problems import HubError
from .record import (
    Record,
    RemoteFile,
    bytes_done,
    is_there,
    lock_of,
    part_of,
    read_record,
    staging_of,
    write_record,
)
from .repo_paths import PARTS, RECORD, place_below, refuse_link
from .transfer import hash_of
from .updating import recover, refuse_outdated

_SPARE = 32 << 20
"""Bytes that stay free on the disk."""


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Nobody else downloads to the same place meanwhile. Raises HubError, OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_of(target))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HubError("busy", f"{target.name} is being downloaded already.") from None
    try:
        recover(target)
        yield
    finally:
        lock.release()
        if not staging_of(target).exists():
            lock_of(target).unlink(missing_ok=True)


def prepare(target: Path, record: Record) -> Path:
    """The hidden folder, with what an earlier try left of the files that are still wanted. Raises HubError, OSError."""
    staging = staging_of(target)
    staging.mkdir(exist_ok=True)
    refuse_link(staging)
    before = read_record(staging)
    if before is None or before.repo != record.repo:
        _empty(staging)
    else:
        _drop_changed(staging, before, record)
    write_record(staging, record)
    return staging


def refuse_full_disk(staging: Path, record: Record) -> None:
    """Raise HubError unless what is still to come fits on the disk."""
    missing = sum(file.size for file in record.files) - bytes_done(staging, record)
    free = shutil.disk_usage(staging).free
    if missing and missing + _SPARE > free:
        raise HubError(
            "disk",
            f"{size_in_words(missing)} are to come, and {size_in_words(free)} are free in {staging.parent}. "
            "Free some space, or choose another place with --output.",
        )


def missing_in(target: Path, record: Record) -> tuple[RemoteFile, ...] | None:
    """The wanted files that a folder of an earlier download lacks; None where there is no folder.

    Raises HubError where the folder is something else, which is then left alone.
    """
    if not os.path.lexists(target):
        return None
    refuse_link(target)
    before = read_record(target)
    aside = "Move or rename it, or choose another folder with --output."
    if before is None:
        raise HubError("exists", f"{target} is there already, and no download made it. {aside}")
    if before.repo != record.repo:
        raise HubError("exists", f"{target} holds {before.repo}, not {record.repo}. {aside}")
    refuse_outdated(target, before, record)
    known = {file.path: file.hash for file in before.files}
    missing = []
    for file in record.files:
        if not is_there(target, file):
            if os.path.lexists(target / file.path):
                raise HubError("exists", f"{target / file.path} is there already and differs from the hub's. {aside}")
            missing.append(file)
        elif file.path not in known and hash_of(target / file.path, file) != file.hash:
            raise HubError("exists", f"{target / file.path} is there already and differs from the hub's. {aside}")
    return tuple(missing)


def complete(staging: Path, target: Path, record: Record) -> None:
    """Make the hidden folder the folder of the library; every file of the record is in it. Raises HubError, OSError."""
    shutil.rmtree(staging / PARTS, ignore_errors=True)
    left = [file.path for file in record.files if not is_there(staging, file)]
    if left:
        raise HubError("bug", f"{left[0]} vanished from {staging}. Run it again.")
    if os.path.lexists(target):
        raise HubError("exists", f"{target} has appeared meanwhile. Move it away and run it again; all has come.")
    staging.rename(target)
    _sync(target.parent)


def add(staging: Path, target: Path, record: Record, files: tuple[RemoteFile, ...]) -> None:
    """Put further files into a folder of an earlier download; none is overwritten. Raises HubError, OSError."""
    # The first part of a split file last: it is the one that is listed.
    for file in sorted(files, key=lambda one: one.path, reverse=True):
        place = place_below(target, file.path)
        if os.path.lexists(place):
            raise HubError("exists", f"{place} has appeared meanwhile. Move it away and run it again.")
        (staging / file.path).rename(place)
    before = read_record(target)
    paths = {file.path for file in record.files}
    kept = tuple(file for file in before.files if file.path not in paths) if before else ()
    write_record(target, msgspec.structs.replace(record, files=(*kept, *record.files)))
    shutil.rmtree(staging)


def discard(target: Path) -> None:
    """Throw away what has come of a download that is not complete. Raises HubError, OSError."""
    staging = staging_of(target)
    if os.path.lexists(staging):
        refuse_link(staging)
        with locked(target):
            shutil.rmtree(staging)


def _drop_changed(staging: Path, before: Record, now: Record) -> None:
    """Finished files and parts stay where the same file is still wanted."""
    wanted = {file.path: file.hash for file in now.files}
    same = {file.path for file in before.files if wanted.get(file.path) == file.hash}
    parts = {part_of(staging, file).name for file in now.files}
    for root, folders, names in os.walk(staging):
        links = {name for name in folders if (Path(root) / name).is_symlink()}
        folders[:] = [name for name in folders if name not in links]
        for name in (*names, *links):
            file = Path(root) / name
            path = file.relative_to(staging).as_posix()
            if path == RECORD or path in same or (file.parent.name == PARTS and name in parts):
                continue
            file.unlink()


def _empty(staging: Path) -> None:
    for entry in staging.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _sync(folder: Path) -> None:
    """Have the folder's new name on the disk too, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
