"""Adds an example to a dataset of the library: what the user corrected in a chat, kept to be learnt from."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import Message
from desktop.library.atomic import written_atomically
from desktop.library.places import printable, unreadable_in_words, visible
from desktop.library.recipes import RecipeError, checked_name

from .containers import look_at
from .decoding import Tally, utf8_chunks
from .json_rows import rows_of_lines
from .kinds import Shape, find_shape
from .plan import DataError, DataPlan, RowError
from .turns import single_turn

SUFFIX = ".jsonl"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an example."""

    path: str
    """The dataset's file."""
    rows: int
    """Rows in it now, bad ones included."""
    duplicate: bool = False
    """Whether it was there already; nothing is written then."""


def list_sets(folder: Path) -> list[str]:
    """The names of the datasets in the folder that examples can be added to, by their suffix. Raises DataError."""
    try:
        return [entry.name.removesuffix(SUFFIX) for entry in visible(folder) if entry.name.endswith(SUFFIX)]
    except OSError as error:
        raise DataError(f"{printable(folder)}: {unreadable_in_words(folder, error)}") from error


def keep_example(folder: Path, name: str, messages: Sequence[Message], *, alpaca: bool = False) -> Kept:
    """Append a conversation that ends with an answer to the dataset `name` in `folder`, which is made if need be.

    A dataset that is there decides how the example is written; a new one holds `messages`, or Alpaca rows if asked.
    Raises DataError, and the file is as it was, where the name can't be used, the file is not JSON lines, the example
    doesn't fit its kind, or the disk takes no more.
    """
    path = folder / f"{_checked(name)}{SUFFIX}"
    row_of = _alpaca_row if alpaca else _messages_row
    try:
        present = path.stat().st_size if path.exists() else 0
        mapping = {}
        if present:
            shape = _shape(path)
            mapping = shape.mapping
            row_of = _messages_row if shape.kind == "messages" else _alpaca_row
        row = row_of(messages, mapping)
        rows, duplicate = _look_for(path, row) if present else (0, False)
        if not duplicate:
            _append(path, msgspec.json.encode(row) + b"\n", present)
    except OSError as error:
        raise DataError(f"The example can't be kept. {path}: {unreadable_in_words(path, error)}") from error
    return Kept(path=str(path), rows=rows + (not duplicate), duplicate=duplicate)


def _checked(name: str) -> str:
    try:
        return checked_name(name.removesuffix(SUFFIX), "dataset")
    except RecipeError as error:
        raise DataError(str(error)) from error


def _shape(path: Path) -> Shape:
    container, _ = look_at(path.name, path.suffix, utf8_chunks(path, Tally()))
    shape = find_shape((path,), DataPlan(sources=(str(path),)))
    if container != "json lines" or shape.kind not in ("messages", "alpaca"):
        raise DataError(
            f"{path.name} doesn't hold a row a line with messages, or with instruction and output, so that nothing "
            "can be added to it. Choose another dataset."
        )
    return shape


def _messages_row(messages: Sequence[Message], mapping: dict[str, str]) -> dict[str, Any]:
    if not messages or messages[-1].role != "assistant" or not messages[-1].content.strip():
        raise DataError("The conversation doesn't end with an answer, so there is nothing to learn from it.")
    return {mapping.get("messages", "messages"): [{"role": one.role, "content": one.content} for one in messages]}


def _alpaca_row(messages: Sequence[Message], mapping: dict[str, str]) -> dict[str, Any]:
    system = "".join(message.content for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    _messages_row(rest, {})
    if system and mapping and "system" not in mapping:
        raise DataError("The dataset has no place for a system message. Choose another dataset, or a new one.")
    try:
        turn = single_turn([{"role": message.role, "content": message.content} for message in rest], "this dataset")
    except RowError as error:
        raise DataError(f"The example doesn't fit the dataset. {error}") from error
    turn["system"] = system
    roles = [role for role in ("instruction", "input", "output", "system") if not mapping or role in mapping]
    return {mapping.get(role, role): turn[role] for role in roles if role != "system" or turn[role]}


def _look_for(path: Path, row: dict[str, Any]) -> tuple[int, bool]:
    """Rows of the file, and whether one of them is this."""
    rows, duplicate = 0, False
    for found in rows_of_lines(utf8_chunks(path, Tally())):
        rows += 1
        duplicate = duplicate or found.value == row
    return rows, duplicate


def _append(path: Path, line: bytes, present: int) -> None:
    with written_atomically(path) as file:
        if present:
            with path.open("rb") as before:
                shutil.copyfileobj(before, file)
                before.seek(-1, 2)
                if before.read(1) != b"\n":
                    file.write(b"\n")
        file.write(line)
