"""Compares a folder on the disk with what the hub lists, without fetching anything."""

from __future__ import annotations

from pathlib import Path

from .events import Difference
from .problems import HubError
from .record import Record, RemoteFile, read_record
from .transfer import hash_of


def compare(folder: Path, record: Record) -> tuple[Difference, ...]:
    """What differs; every byte is read. Raises HubError if there is no folder."""
    if not folder.is_dir():
        raise HubError("missing", f"There is no {folder}, so there is nothing to check. Download it first.")
    wanted = list(record.files)
    before = read_record(folder)
    found = []
    if before is not None and before.repo == record.repo:
        paths = {file.path for file in wanted}
        wanted += [file for file in before.files if file.path not in paths]
    for file in wanted:
        if problem := _problem(folder, file):
            found.append(Difference(file.path, problem))
    return tuple(found)


def _problem(folder: Path, file: RemoteFile) -> str:
    path = folder / file.path
    try:
        if not path.is_file():
            return "is missing"
        size = path.stat().st_size
        if size != file.size:
            return f"has {size:,} bytes, the hub's has {file.size:,}"
        return "" if hash_of(path, file) == file.hash else "has other bytes than the hub's"
    except OSError as error:
        return f"can't be read ({error.strerror})"
