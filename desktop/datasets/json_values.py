"""JSON as strictly as a row needs it: what other readers guess at is told instead."""

from __future__ import annotations

import json
import math
from typing import Any

from .lines import LONGEST_ROW
from .plan import RowError

_LONGEST_NUMBER = 300
"""Digits."""


def too_long() -> RowError:
    """For a row that was not even held."""
    return RowError("too long", f"The row is longer than {LONGEST_ROW >> 20} MiB. Divide it, or take it out.")


def decode_text(data: bytes) -> str:
    """The text of UTF-8. Raises RowError, saying what the bytes may be."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        byte = data[error.start]
        guess = "" if 0x81 <= byte <= 0x9F else " It may be Latin-1 or Windows-1252."
        raise RowError(
            "not UTF-8",
            f"Byte {error.start + 1} of the row (0x{byte:02X}) is not UTF-8.{guess} Save the file as UTF-8.",
        ) from error


def decode_json(data: bytes) -> Any:
    """The value. Raises RowError for anything that is not one whole, plain JSON value."""
    text = decode_text(data)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise RowError("not JSON", _in_words(error)) from error
    except RecursionError as error:
        raise RowError("nested too deeply", "The row's brackets are nested too deeply. Flatten it.") from error
    if "\\u" in text:
        check_characters(value)
    return value


def check_characters(value: Any) -> None:
    """Raise RowError where a text holds what no text has: NUL, or half of a surrogate pair."""
    if isinstance(value, str):
        if "\0" in value:
            raise RowError("NUL character", "The row holds a NUL character, which no text has. Take it out.")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise RowError(
                "half a surrogate pair",
                f"The row holds \\u{ord(value[error.start]):04x}, which is half of a character. Write the whole one.",
            ) from error
    elif isinstance(value, dict):
        for key, inside in value.items():
            check_characters(key)
            check_characters(inside)
    elif isinstance(value, list):
        for inside in value:
            check_characters(inside)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RowError("duplicate key", f"The key {shortened(twice)} stands twice in one object. Keep one of them.")
    return made


def _constant(text: str) -> Any:
    raise RowError("not JSON", f"{text} is not a value that JSON has. Put it in quotes, or write null.")


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise RowError("number out of range", f"A number has {len(text)} digits. Put it in quotes if it is a text.")
    return int(text)


def _number(text: str) -> float:
    made = float(text)
    if not math.isfinite(made):
        raise RowError("number out of range", f"The number {shortened(text)} is too large. Put it in quotes.")
    return made


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_number
)


def _in_words(error: json.JSONDecodeError) -> str:
    if error.msg.startswith("Invalid control character"):
        return (
            f"A line break or another control character stands inside a text (character {error.pos + 1} of the row). "
            "Write a line break as \\n."
        )
    if error.msg == "Extra data":
        return f"More follows after the row's end (character {error.pos + 1}). Put each row on a line of its own."
    if not error.doc[error.pos :].strip() or error.msg.startswith("Unterminated string"):
        return f"It is not whole JSON: it ends too early ({error.msg[:1].lower()}{error.msg[1:]})."
    return f"It is not JSON ({error.msg[:1].lower()}{error.msg[1:]}, character {error.pos + 1} of the row)."


def shortened(value: Any, longest: int = 60) -> str:
    """A value for a message, in quotes and not longer than a line takes."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
