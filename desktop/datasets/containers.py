"""How a file holds its rows, told from its name and from how it begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from .json_values import decode_json
from .plan import DataError, RowError
from .records import Container

TEXT_SUFFIXES = (".txt", ".md")
_LINES_SUFFIXES = (".jsonl", ".ndjson")
_TABLES: dict[str, Container] = {".csv": "comma table", ".tsv": "tab table", ".tab": "tab table"}
_LONGEST_LOOK = 1 << 20
"""Bytes at the beginning that are looked at."""

WORDS: dict[Container, str] = {
    "json list": "a JSON list",
    "json lines": "JSON lines",
    "json objects": "JSON objects",
    "comma table": "a table (CSV)",
    "tab table": "a table (TSV)",
    "text": "plain text",
}


def look_at(name: str, suffix: str, chunks: Iterable[bytes]) -> tuple[Container, Iterator[bytes]]:
    """The container, and all chunks again. Raises DataError where the file is empty or holds nothing known."""
    rest = iter(chunks)
    begin = bytearray()
    taken = []
    for chunk in rest:
        taken.append(chunk)
        begin += chunk
        if len(begin) > _LONGEST_LOOK or b"\n" in begin.lstrip():
            break
    again = chain(taken, rest)
    if suffix in _TABLES:
        return _TABLES[suffix], again
    stripped = bytes(begin.lstrip())
    if not stripped:
        if suffix in TEXT_SUFFIXES:
            return "text", again
        raise DataError(f"{name} is empty. Choose another file.")
    return _container(name, suffix, stripped), again


def _container(name: str, suffix: str, begin: bytes) -> Container:
    line, _, rest = begin.partition(b"\n")
    if suffix in TEXT_SUFFIXES:
        # People do rename JSON lines so; a text that merely begins with a bracket is no JSON.
        return "json lines" if begin[:1] == b"{" and _is_object(line) else "text"
    if suffix in _LINES_SUFFIXES and not (begin[:1] == b"[" and not (_is_json(line) and rest.strip())):
        return "json lines"
    if begin[:1] == b"[":
        return "json list"
    if begin[:1] == b"{":
        return "json lines" if line.rstrip().endswith(b"}") or len(line) >= _LONGEST_LOOK else "json objects"
    if suffix == ".json":
        raise DataError(f"{name}, line 1: JSON data begins with [ or {{, but this begins with {_shown(begin)}.")
    if b"\0" in begin[:4096]:
        raise DataError(f"{name} is no text. Choose a JSON, CSV or text file.")
    return "text"


def _is_json(line: bytes) -> bool:
    try:
        decode_json(line)
    except RowError:
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.rstrip().endswith(b"}") and _is_json(line)


def _shown(begin: bytes) -> str:
    return repr(begin[:20].decode(errors="replace"))
