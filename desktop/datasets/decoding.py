"""The bytes of a data file as UTF-8, a chunk at a time, whatever encoding a byte-order mark announces."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from desktop.library.places import printable, unreadable_in_words

from .plan import DataError

CHUNK = 256 << 10
"""Bytes read at once."""

Progress = Callable[[int, int], None]
"""Gets the bytes read so far and the sum of all. What it raises ends the reading."""

_UTF8 = codecs.BOM_UTF8
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_OTHERS = {
    codecs.BOM_UTF32_LE: "text in UTF-32. Save it as UTF-8",
    codecs.BOM_UTF32_BE: "text in UTF-32. Save it as UTF-8",
    b"\x1f\x8b": "compressed with gzip. Unpack it first",
    b"PK\x03\x04": "a zip archive or an office document. Unpack it, or save its table as CSV",
    b"PAR1": "a Parquet table. Save it as JSON lines or CSV",
    b"%PDF": "a PDF. Save its text as a .txt file",
    b"SQLite format 3": "a database. Save its table as JSON lines or CSV",
    b"\x28\xb5\x2f\xfd": "compressed with zstandard. Unpack it first",
    b"ARROW1": "an Arrow table. Save it as JSON lines or CSV",
}
"""How files begin that can't be read, and what they are."""


class Tally:
    """What went by while files were read: bytes and their hash, and what the user should know."""

    def __init__(self, progress: Progress | None = None, total: int = 0) -> None:
        """`total` is in bytes, for `progress`."""
        self.bytes = 0
        self.left_out = 0
        """Pieces of raw text that were too short."""
        self.divided = 0
        """Places at which raw text was cut because a piece was too long."""
        self._hash = hashlib.sha256()
        self._progress = progress
        self._total = total

    def counted(self, data: bytes) -> bytes:
        """The bytes, which are counted now."""
        self._hash.update(data)
        self.bytes += len(data)
        if self._progress is not None:
            self._progress(self.bytes, max(self._total, self.bytes))
        return data

    @property
    def sha256(self) -> str:
        """Of all bytes so far."""
        return self._hash.hexdigest()

    def notes(self, min_block: int) -> list[str]:
        """What became of raw text besides its rows, a sentence each."""
        made = []
        if self.left_out:
            made.append(f"Pieces of text with at most {min_block} characters were left out: {self.left_out}.")
        if self.divided:
            made.append(f"Texts too long to be held were divided at a line's end, {self.divided} times.")
        return made


def utf8_chunks(path: Path, tally: Tally) -> Iterator[bytes]:
    """The file's text without its byte-order mark. UTF-8 is passed on unchecked, so that a bad row can be told.

    Raises DataError where the file can't be read or is of another encoding.
    """
    chunks = map(tally.counted, _chunks(path))
    first = next(chunks, b"")
    if problem := _unreadable(first):
        raise DataError(f"{printable(path.name)}, line 1: this is {problem}.")
    for mark, encoding in _UTF16.items():
        if first.startswith(mark):
            yield from _from_utf16(path, encoding, first[len(mark) :], chunks)
            return
    yield first.removeprefix(_UTF8)
    yield from chunks


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while data := file.read(CHUNK):
                yield data
    except OSError as error:
        raise DataError(f"{printable(path)}: {unreadable_in_words(path, error)}") from error


def _unreadable(first: bytes) -> str:
    for mark, words in _OTHERS.items():
        if first.startswith(mark):
            return words
    begin = first[:64]
    # Text of few letters beyond ASCII has a NUL in every second byte of UTF-16.
    if len(begin) >= 4 and not begin.startswith(tuple(_UTF16)):
        for offset, name in ((1, "UTF-16-LE"), (0, "UTF-16-BE")):
            if not any(begin[offset::2]) and all(begin[1 - offset :: 2]):
                return f"text in {name} without a byte-order mark. Save it as UTF-8"
    return ""


def _from_utf16(path: Path, encoding: str, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        for data in chain((first,), rest):
            text = decoder.decode(data)
            line += text.count("\n")
            yield text.encode()
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        good = error.object[: error.start].decode(encoding, "replace")
        raise DataError(
            f"{printable(path.name)}, line {line + good.count(chr(10))}: it says it is UTF-16, but this is not "
            f"({error.reason}). Save it as UTF-8."
        ) from error
