"""From files to records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from .kinds import Shape
from .plan import DataError, DataPlan
from .records import Record

Progress = Callable[[int, int], None]
"""Gets the bytes read so far and the sum of all."""


class Tally:
    """What went by while files were read: bytes and their hash."""

    def __init__(self, progress: Progress | None = None, total: int = 0) -> None:
        """`total` is in bytes, for `progress`."""
        self.bytes = 0
        self._hash = hashlib.sha256()
        self._progress = progress
        self._total = total

    def add(self, data: bytes) -> None:
        """Count bytes that were read."""
        self._hash.update(data)
        self.bytes += len(data)
        if self._progress is not None:
            self._progress(self.bytes, max(self._total, self.bytes))

    @property
    def sha256(self) -> str:
        """Of all bytes so far."""
        return self._hash.hexdigest()


def source_files(sources: Sequence[str]) -> tuple[Path, ...]:
    """The files. Raises DataError."""
    for source in sources:
        if not Path(source).is_file():
            raise DataError(f"There is no file {source}.")
    return tuple(Path(source) for source in sources)


def read_records(files: Sequence[Path], shape: Shape, plan: DataPlan, tally: Tally) -> Iterator[Record]:
    """All records of the files in order."""
    row = 0
    for file in files:
        data = file.read_bytes()
        tally.add(data)
        for value in msgspec.json.decode(data):
            row += 1
            yield Record(file=file.name, row=row, line=row, value=value)
