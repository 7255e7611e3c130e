"""The values of a JSON list, or of objects one after the other, cut out of a stream without holding the whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from .lines import LONGEST_ROW

_STRUCTURE = re.compile(rb'"[^"\\\n]*"|["{}\[\],]')
"""A text without escapes that is whole, at once; else one character."""
_IN_TEXT = re.compile(rb'["\\\n]')

_INDENTED = 100
"""Most characters before the first of a line."""


class Element(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of one value, unchecked."""

    line: int
    """Line on which it begins, from 1."""
    data: bytes | None
    """None where it is longer than `LONGEST_ROW`."""
    fault: Literal["", "cut short", "after the list", "list not closed"] = ""
    """What is wrong with the place it stands in."""


class ElementCutter:
    """Finds where values end by counting brackets outside of texts. Feed it chunks, then ask for what is left.

    A text ends at a line break at the latest: JSON has none inside texts, and so a missing quote costs one row.
    """

    def __init__(self, *, in_list: bool) -> None:
        """`in_list` tells whether the values stand in one pair of brackets with commas between."""
        self._in_list = in_list
        self._closed = False
        self._any = False
        self._depth = 0
        self._in_text = self._escaped = self._broken = False
        self._column = -1
        self._held = bytearray()
        self._size = 0
        self._line = self._begin_line = 1

    def feed(self, chunk: bytes) -> Iterator[Element]:
        """The values that end in this chunk."""
        begin = position = 0
        while not self._closed or not self._in_list:
            if self._escaped and position < len(chunk):
                self._escaped = False
                position += 1
            match = (_IN_TEXT if self._in_text else _STRUCTURE).search(chunk, position)
            if match is None:
                break
            position = match.end()
            kind = match.group()
            if len(kind) > 1:
                continue
            if self._in_text:
                self._in_text, self._escaped = kind == b"\\", kind == b"\\"
                self._broken |= kind == b"\n"
                continue
            ends = self._take(kind, chunk, match.start())
            if ends is None:
                continue
            stop = position if ends == "after" else match.start()
            goes_on = stop if ends == "anew" else position
            if ends != "begin":
                self._hold(chunk[begin:stop])
                element = self._finish()
                if self._any or not self._closed or element.data is None or element.data:
                    yield element  # an empty one too, unless the list is empty
                self._any = True
            self._line += chunk.count(b"\n", begin, goes_on)
            begin, self._begin_line = goes_on, self._line
        self._hold(chunk[begin:])
        self._line += chunk.count(b"\n", begin)

    def rest(self) -> Element | None:
        """What was begun and not ended, or stands after the end; None where everything is in order."""
        element = self._finish()
        if element.data is None or element.data:
            return msgspec.structs.replace(element, fault="after the list" if self._closed else "cut short")
        if self._in_list and not self._closed:
            return Element(line=self._line, data=b"", fault="list not closed")
        return None

    def _take(self, kind: bytes, chunk: bytes, position: int) -> str | None:
        """Count; what a character ends: a value `after` or `before` it, or the list's `begin`.

        `anew` is a brace that must be the next value's, because the one before has a text without its last quote.
        """
        lowest = 1 if self._in_list else 0
        if kind == b'"':
            self._in_text = True
        elif kind in b"{[":
            if self._depth == lowest:
                self._column, self._broken = _column_of(chunk, position), False
            elif self._broken and kind == b"{" and 0 <= (column := _column_of(chunk, position)) <= self._column:
                self._depth, self._column, self._broken = lowest + 1, column, False
                return "anew"
            self._depth += 1
            return "begin" if self._in_list and self._depth == 1 else None
        elif kind in b"}]":
            if self._in_list and self._depth == 1 and kind == b"]":
                self._closed = True
                return "before"
            self._depth = max(self._depth - 1, lowest)
            return "after" if not self._in_list and self._depth == 0 else None
        elif self._depth == lowest and self._in_list:
            return "before"
        return None

    def _hold(self, piece: bytes) -> None:
        if not self._size:
            blank = len(piece) - len(piece.lstrip())
            self._begin_line += piece.count(b"\n", 0, blank)
            piece = piece[blank:]
        self._size += len(piece)
        if self._size <= LONGEST_ROW:
            self._held += piece
        else:
            self._held = bytearray()

    def _finish(self) -> Element:
        data = bytes(self._held) if self._size <= LONGEST_ROW else None
        self._held, self._size = bytearray(), 0
        return Element(line=self._begin_line, data=data)


def _column_of(chunk: bytes, position: int) -> int:
    """How far from its line's beginning a value stands; -1 where that isn't known or words stand before it."""
    first = max(position - _INDENTED, 0)
    begin = chunk.rfind(b"\n", first, position) + 1 or first
    return position - begin if not chunk[begin:position].strip(b" \t[") else -1


def cut_elements(chunks: Iterable[bytes], *, in_list: bool) -> Iterator[Element]:
    """All values; at the end an element with a fault, where something is left over or missing."""
    cutter = ElementCutter(in_list=in_list)
    for chunk in chunks:
        yield from cutter.feed(chunk)
    if (left := cutter.rest()) is not None:
        yield left
