"""JSON lines that one process appends and others read at the same time, whatever moment a process is killed at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


def append_line(path: Path, value: object) -> None:
    """Append one line in one write. Raises OSError; a half-written line is then the last one, and nobody takes it.

    A line that an earlier writer left unfinished is closed first, so that it spoils no other.
    """
    body = msgspec.json.encode(value) + b"\n"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
    try:
        size = os.fstat(handle).st_size
        if size:
            os.lseek(handle, size - 1, os.SEEK_SET)
            if os.read(handle, 1) != b"\n":
                body = b"\n" + body
        written = os.write(handle, body)
        if written != len(body):
            # The rest would not fit either; the next writer closes the line.
            os.write(handle, body[written:])
    finally:
        os.close(handle)


class Tail(Generic[T]):
    """Reads the lines of a file as they come. A line is taken when it is whole; one that can't be read is counted."""

    def __init__(self, path: Path, kind: object, start: int = 0) -> None:
        """`kind` is the type of a line; `start` the offset in bytes to begin at. The file need not exist yet."""
        self._path = path
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._offset = start
        self.torn = 0
        """Lines that were left unfinished or can't be read."""

    def read(self) -> list[T]:
        """The lines that have come since the last call. Raises OSError if the file is there and can't be read."""
        try:
            if self._path.stat().st_size <= self._offset:
                return []
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        return [value for line in data[:end].split(b"\n") if line and (value := self._value(line)) is not None]

    def _value(self, line: bytes) -> T | None:
        try:
            return self._decoder.decode(line)
        except ValueError:
            self.torn += 1
            return None


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
