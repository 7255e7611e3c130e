"""Cuts what a model wrote into parts that can be laid out one at a time: thinking, Markdown, code, plain text.

No part is longer than a slice, so that no part stalls the window, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

SLICE = 1500
"""Characters of a part at most."""
LONGEST_LINE = 500
"""Characters after which a line is shown broken: Qt lays a line out as a whole."""
_PIECES = re.compile(r"</?think>|[^\n<]*\n|[^\n<]+|<")
_FENCE = re.compile(r" {0,12}(`{3,}|~{3,})\s*([\w+#.-]*)[^`\n]*\n?")
_ITEM = re.compile(r"\s*([-*+]|\d{1,9}[.)])\s")
_MARKS = "[*_~`|<&!"
"""Signs that Markdown may have to look at twice."""
MARKS = 60
"""Signs in a line of Markdown; with more it costs far more than its length, and nobody writes it for people."""
DEEP = 24
"""Columns of indentation or of quotation; nobody reads what is deeper."""
COLUMNS = 12
"""Of a table; each cell is laid out like a paragraph."""
LINES = 12
"""Lines of Markdown in a part: each is a block of its own at worst."""


class Mode(NamedTuple):
    """What the text is in where a part begins."""

    think: bool = False
    fence: str = ""
    language: str = ""


class Part(NamedTuple):
    """A piece of the text that can be laid out by itself."""

    kind: Literal["think", "markdown", "code", "plain"]
    text: str
    language: str
    size: int
    """Characters of the source it takes."""
    after: Mode
    """What the text is in where the part ends."""


def split(text: str, mode: Mode) -> Iterator[Part]:
    """The parts of a text that begins in this mode. The last one may be unfinished."""
    cutter = _Cutter(mode)
    for line in _lines(text):
        yield from cutter.take(line)
    yield from cutter.flush()


def broken(text: str, longest: int = LONGEST_LINE) -> str:
    """The text with line breaks in what is longer than a line may be."""
    if len(text) <= longest:
        return text
    lines = (line[at : at + longest] for line in text.split("\n") for at in range(0, len(line) or 1, longest))
    return "\n".join(lines)


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends; the tags of thinking stand alone, and a line without end comes in slices."""
    line = ""
    for found in _PIECES.finditer(text):
        piece = found[0]
        if piece in ("<think>", "</think>"):
            if line:
                yield line
            line = ""
            yield piece
            continue
        line += piece
        if line.endswith("\n") or len(line) >= SLICE:
            for at in range(0, len(line), SLICE):
                yield line[at : at + SLICE]
            line = ""
    for at in range(0, len(line), SLICE):
        yield line[at : at + SLICE]


class _Cutter:
    """Gathers lines until a part is whole."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._lines: list[str] = []
        self._length = 0
        self._size = 0
        self._blank = False
        self._plain = False

    def take(self, line: str) -> Iterator[Part]:
        """One line more."""
        if line in ("<think>", "</think>") and not self._mode.fence and self._mode.think is (line == "</think>"):
            yield from self.flush(Mode(think=not self._mode.think), len(line))
        elif self._mode.think:
            yield from self._add(line)
        elif self._mode.fence:
            yield from self._take_code(line)
        elif (fence := _FENCE.fullmatch(line)) is not None:
            yield from self.flush()
            self._mode = Mode(fence=fence[1], language=fence[2])
            self._size += len(line)
        else:
            yield from self._take_markdown(line)

    def flush(self, mode: Mode | None = None, more: int = 0) -> Iterator[Part]:
        """The part as far as it came; `more` characters of the source belong to it and are not shown."""
        after = self._mode if mode is None else mode
        text, size = "".join(self._lines), self._size + more
        if size:
            yield Part(self._kind(), text, self._mode.language, size, after)
        self._mode, self._lines, self._length, self._size = after, [], 0, 0
        self._blank = self._plain = False

    def _kind(self) -> Literal["think", "markdown", "code", "plain"]:
        if self._mode.think:
            return "think"
        if self._mode.fence:
            return "code"
        return "plain" if self._plain else "markdown"

    def _take_code(self, line: str) -> Iterator[Part]:
        bare = line.strip()
        if len(bare) >= len(self._mode.fence) and not bare.strip(self._mode.fence[0]):
            yield from self.flush(Mode(), len(line))
        else:
            yield from self._add(line)

    def _take_markdown(self, line: str) -> Iterator[Part]:
        heavy = len(line) > 2 * LONGEST_LINE or _is_heavy(line)
        if heavy is not self._plain or (self._blank and line.strip() and not self._goes_on(line)):
            yield from self.flush()
        self._plain = heavy
        self._blank = not line.strip()
        yield from self._add(line)

    def _goes_on(self, line: str) -> bool:
        """Whether a line after a blank one belongs to the same list."""
        return bool(_ITEM.match(self._lines[0])) and (line[0] in " \t" or _ITEM.match(line) is not None)

    def _add(self, line: str) -> Iterator[Part]:
        if self._length + len(line) > SLICE or len(self._lines) >= LINES:
            plain, blank = self._plain, self._blank
            yield from self.flush()
            self._plain, self._blank = plain, blank
        self._lines.append(line)
        self._length += len(line)
        self._size += len(line)


def _is_heavy(line: str) -> bool:
    lead = len(line) - len(line.lstrip(" \t>"))
    return (
        lead > DEEP
        or line.count("|") > COLUMNS
        or line.count(">", 0, lead) > 6
        or sum(line.count(sign) for sign in _MARKS) > MARKS
    )
