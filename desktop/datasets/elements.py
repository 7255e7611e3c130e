"""The values of a JSON list, or of objects one after the other, cut out of a stream without holding the whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from .lines import LONGEST_ROW

_STRUCTURE = re.compile(rb'["{}\[\],]')
_IN_TEXT = re.compile(rb'["\\\n]')


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
        self._in_text = self._escaped = False
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
            if self._in_text:
                self._in_text, self._escaped = kind == b"\\", kind == b"\\"
                continue
            ends = self._take(kind)
            if ends is None:
                continue
            if ends == "begin":
                self._line += chunk.count(b"\n", begin, position)
                begin = position
                self._begin_line = self._line
                continue
            stop = position if ends == "after" else match.start()
            self._hold(chunk[begin:stop])
            element = self._finish()
            if self._any or not self._closed or (element.data or b"").strip():
                yield element  # a blank one too, unless the list is empty
            self._any = True
            self._line += chunk.count(b"\n", begin, position)
            begin = position
            self._begin_line = self._line
        self._hold(chunk[begin:])
        self._line += chunk.count(b"\n", begin)

    def rest(self) -> Element | None:
        """What was begun and not ended, or stands after the end; None where everything is in order."""
        element = self._finish()
        if element.data is None or element.data.strip():
            return msgspec.structs.replace(element, fault="after the list" if self._closed else "cut short")
        if self._in_list and not self._closed:
            return Element(line=self._line, data=b"", fault="list not closed")
        return None

    def _take(self, kind: bytes) -> str | None:
        """Count; what a character ends: a value `after` or `before` it, or the list's `begin`."""
        lowest = 1 if self._in_list else 0
        if kind == b'"':
            self._in_text = True
        elif kind in b"{[":
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
        self._size += len(piece)
        if self._size <= LONGEST_ROW:
            self._held += piece
        else:
            self._held = bytearray()

    def _finish(self) -> Element:
        held = bytes(self._held)
        blank = len(held) - len(held.lstrip())
        line = self._begin_line + held.count(b"\n", 0, blank)
        data = held if self._size <= LONGEST_ROW else None
        self._held, self._size = bytearray(), 0
        return Element(line=line, data=data)


def cut_elements(chunks: Iterable[bytes], *, in_list: bool) -> Iterator[Element]:
    """All values; at the end an element with a fault, where something is left over or missing."""
    cutter = ElementCutter(in_list=in_list)
    for chunk in chunks:
        yield from cutter.feed(chunk)
    if (left := cutter.rest()) is not None:
        yield left
