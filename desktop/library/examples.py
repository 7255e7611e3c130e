"""Replies kept as examples: a line of messages each, in a JSONL file of the folder `datasets`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from desktop.api import Message

from .places import printable, unreadable_in_words, visible
from .recipes import RecipeError, checked_name

SUFFIX = ".jsonl"


class ExampleError(Exception):
    """An example can't be kept; the message says why and what to do."""


def list_sets(folder: Path) -> list[str]:
    """The names of the sets in the folder. Raises ExampleError."""
    try:
        return [entry.name.removesuffix(SUFFIX) for entry in visible(folder) if entry.name.endswith(SUFFIX)]
    except OSError as error:
        raise ExampleError(f"{printable(folder)}: {unreadable_in_words(folder, error)}") from error


def keep_example(folder: Path, name: str, messages: Sequence[Message]) -> tuple[Path, int]:
    """Add a row to the set of that name, made where there is none; the file, and how many rows it has now.

    The row is on the disk whole when this returns. Raises ExampleError; the file is then as it was.
    """
    if not messages or messages[-1].role != "assistant" or not messages[-1].content.strip():
        raise ExampleError("Only a reply that says something can be kept as an example.")
    path = folder / f"{_checked(name)}{SUFFIX}"
    row = msgspec.json.encode({"messages": list(messages)}) + b"\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            size = file.tell()
            if size:
                file.seek(-1, os.SEEK_END)
                # A line that was cut off by a crash or an editor must not take this one with it.
                row = row if file.read(1) == b"\n" else b"\n" + row
            _append(file.fileno(), row, size)
            file.seek(0)
            return path, sum(1 for line in file if line.strip())
    except OSError as error:
        raise ExampleError(
            f"The example can't be kept ({error.strerror}: {printable(path)}). Free some space or mend the folder."
        ) from error


def _append(handle: int, row: bytes, size: int) -> None:
    """All of the row or nothing of it. Raises OSError."""
    try:
        while row:
            row = row[os.write(handle, row) :]
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise


def _checked(name: str) -> str:
    try:
        return checked_name(name)
    except RecipeError as error:
        raise ExampleError(f"{name.strip()!r} can't be the name of a set of examples. Choose another.") from error
