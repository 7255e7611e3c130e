"""`%key%` formats: a JSON object that gives for sets of columns the text into which their values are put."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import Part
from desktop.library.places import printable, unreadable_in_words

from .json_values import decode_json, shortened
from .plan import DataError, RowError
from .values import as_object, names_of, text_of

LONGEST_FILE = 1 << 20
"""Bytes; what is larger is no format."""
_KEY = re.compile(r"%([^%\s]+)%")


class Variant(msgspec.Struct, frozen=True):
    """One text of a format."""

    keys: tuple[str, ...]
    """Columns that it is for."""
    pieces: tuple[str, ...]
    """Text and key by turns, beginning and ending with text."""


class Format(msgspec.Struct, frozen=True):
    """A whole format."""

    name: str
    variants: tuple[Variant, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """All columns it may use."""
        return tuple(dict.fromkeys(key for variant in self.variants for key in variant.keys))

    def parts(self, row: object, mapping: dict[str, str]) -> tuple[Part, ...]:
        """The row's text, trained from its last value on. `mapping` gives the column of a key. Raises RowError.

        Values are put in as they are: a `%key%` inside one is text.
        """
        columns = as_object(row)
        variant = self._variant(columns, mapping)
        values = {key: text_of(columns, mapping.get(key, key)) for key in variant.pieces[1::2]}
        texts = [values[piece] if number % 2 else piece for number, piece in enumerate(variant.pieces)]
        last = variant.pieces[-2]
        if not values[last].strip():
            raise RowError(
                f"empty {last}", f"{shortened(mapping.get(last, last))} is empty, so there is nothing to learn."
            )
        return (Part("".join(texts[:-2]), trained=False), Part("".join(texts[-2:])))

    def _variant(self, columns: dict[str, Any], mapping: dict[str, str]) -> Variant:
        """The one that uses most of the columns that hold something; else most of those that are there at all."""
        present = {key for key in self.keys if mapping.get(key, key) in columns}
        filled = {key for key in present if text_of(columns, mapping.get(key, key)).strip()}
        for there in (filled, present):
            fitting = [variant for variant in self.variants if set(variant.keys) <= there]
            if fitting:
                return max(fitting, key=lambda variant: len(variant.keys))
        sets = " or ".join("+".join(variant.keys) for variant in self.variants)
        raise RowError(
            "no text of the format fits",
            f"The format {self.name} needs {sets}; the row has {names_of(columns)}.",
        )


def shipped_formats() -> dict[str, bytes]:
    """Name and file of each format that comes along."""
    folder = files(__package__) / "shipped_formats"
    return {
        entry.name.removesuffix(".json"): entry.read_bytes()
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".json")
    }


def find_format(text: str) -> Format:
    """A shipped format by its name, or one in a file by its path. Raises DataError."""
    shipped = shipped_formats()
    if text in shipped:
        return parse_format(text, shipped[text])
    path = Path(text)
    try:
        if not path.is_file():
            raise DataError(f"There is no format {text!r}. Give a file, or one of: {', '.join(shipped)}.")
        if path.stat().st_size > LONGEST_FILE:
            raise DataError(f"{printable(path.name)} is too large for a format. Choose another file.")
        return parse_format(printable(path.stem), path.read_bytes())
    except OSError as error:
        raise DataError(f"{printable(path)}: {unreadable_in_words(path, error)}") from error
    except ValueError as error:
        raise DataError(f"{text!r} is not a format's name or path.") from error


def parse_format(name: str, data: bytes) -> Format:
    """A format from the bytes of its file. Raises DataError."""
    try:
        table = decode_json(data.removeprefix(b"\xef\xbb\xbf"))
    except RowError as error:
        raise DataError(f"The format {name} can't be read. {error}") from error
    if not isinstance(table, dict) or not table:
        raise DataError(
            f'The format {name} is not an object such as {{"instruction,output": "%instruction% %output%"}}.'
        )
    return Format(name, tuple(_variant(name, keys, text) for keys, text in table.items()))


def _variant(name: str, keys: str, text: object) -> Variant:
    names = tuple(key.strip() for key in keys.split(",") if key.strip())
    if not names or not isinstance(text, str):
        raise DataError(f"The format {name} has no text, or no columns, at {shortened(keys)}. Mend it.")
    pieces = _KEY.split(text)
    # What only looks like a key, such as the middle of "50% or 60%", stays text.
    position = 1
    while position < len(pieces):
        if pieces[position] in names:
            position += 2
        else:
            pieces[position - 1 : position + 2] = [f"{pieces[position - 1]}%{pieces[position]}%{pieces[position + 1]}"]
    if len(pieces) < 3:
        raise DataError(f"The format {name} puts no column's value into its text for {shortened(keys)}. Mend it.")
    return Variant(names, tuple(pieces))
