r"""Adapters for one message, named in its prompt: `<lora:NAME>` or `<lora:NAME:WEIGHT>`.

The weight is any finite number, 1 where none is given; of two tags for one adapter the later counts. With a backslash
before it, `\<lora:NAME>` is sent as text without the backslash. A name can't hold "<", ">" or a line break, and one
that ends in a colon and a number needs its weight: `<lora:NAME:2:1>`. An input or a system message beside the
prompt is not searched for tags.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from desktop.api import Lora
from desktop.library.home import Home
from desktop.library.names import NameNotFound, adapter_row, is_weight, make_row_id
from desktop.library.settings import Settings

_START = "<lora:"
_TAG = re.compile(r"\\?" + _START + r"([^<>\n\r]+)>")
_BLANKS = " \t\r\n"


class Tag(msgspec.Struct, frozen=True):
    """One adapter that a prompt brings."""

    name: str
    weight: float = 1.0


class Tagged(msgspec.Struct, frozen=True):
    """A prompt without its tags, and what they say."""

    text: str
    tags: tuple[Tag, ...] = ()


def read_tags(prompt: str) -> Tagged:
    """Take the tags out of a prompt. What only looks like one, such as `<lora:>`, stays."""
    if _START not in prompt:
        return Tagged(prompt)
    tags: list[Tag] = []
    pieces = [""]
    end = 0
    for found in _TAG.finditer(prompt):
        tag = _tag(found[1])
        if tag is None:
            continue
        pieces[-1] += prompt[end : found.start()]
        end = found.end()
        if found[0].startswith("\\"):
            pieces[-1] += found[0][1:]
        else:
            tags.append(tag)
            pieces.append("")
    pieces[-1] += prompt[end:]
    return Tagged(_joined(pieces), tuple(tags))


def rows_of_tags(tags: Sequence[Tag], stack: Sequence[Lora], home: Home, settings: Settings) -> tuple[Lora, ...]:
    """The rows that tags bring: a row of the stack by its name, else an adapter of the library. Raises NameNotFound."""
    brought: dict[str, Lora] = {}
    for tag in tags:
        row = next((row for row in stack if row.name == tag.name), None) or _row_of_library(tag, home, settings)
        brought[os.path.realpath(row.path)] = msgspec.structs.replace(row, weight=tag.weight, enabled=True)
    return tuple(brought.values())


def lay_over(stack: Sequence[Lora], brought: Sequence[Lora]) -> tuple[Lora, ...]:
    """The stack with what a message brings: another weight for an adapter that is on it, else a row at its end."""
    rows = list(stack)
    for one in brought:
        path = os.path.realpath(one.path)
        places = [place for place, row in enumerate(rows) if os.path.realpath(row.path) == path]
        for place in places:
            # Together they act with the one weight that was asked for.
            rows[place] = msgspec.structs.replace(rows[place], weight=one.weight, enabled=place == places[0])
        if not places:
            row_id = make_row_id(Path(one.path), [row.id for row in rows])
            rows.append(msgspec.structs.replace(one, id=row_id))
    return tuple(rows)


def _tag(inside: str) -> Tag | None:
    name, _, number = inside.rpartition(":")
    tag = Tag(name.strip(), float(number)) if is_weight(number.strip()) else Tag(inside.strip())
    return tag if tag.name.strip(":") else None


def _row_of_library(tag: Tag, home: Home, settings: Settings) -> Lora:
    try:
        return adapter_row(tag.name, home, settings)
    except NameNotFound as error:
        name, _, number = tag.name.rpartition(":")
        if name and _is_there(name, home, settings):
            raise NameNotFound(
                f"{number!r} in <lora:{tag.name}> is no weight: after the last colon stands a finite number, such as "
                f"<lora:{name}:0.5>."
            ) from error
        raise NameNotFound(
            f"{error} The prompt asks for it with <lora:{tag.name}>; to send that as text, write \\<lora:{tag.name}>."
        ) from error


def _is_there(name: str, home: Home, settings: Settings) -> bool:
    try:
        adapter_row(name, home, settings)
    except NameNotFound:
        return False
    return True


def _joined(pieces: Sequence[str]) -> str:
    """The pieces of text between tags, joined by the white space that would stand there had there been no tag."""
    if len(pieces) == 1:
        return pieces[0]
    parts = [pieces[0].rstrip(_BLANKS)]
    gaps = [pieces[0][len(parts[0]) :]]
    for piece in pieces[1:-1]:
        body = piece.strip(_BLANKS)
        lead = piece[: len(piece) - len(piece.lstrip(_BLANKS))]
        gaps.append(lead)
        if body:
            parts += [_gap(gaps, at_start=not any(parts)), body]
            gaps = [piece[len(lead) + len(body) :]]
    last = pieces[-1].lstrip(_BLANKS)
    gaps.append(pieces[-1][: len(pieces[-1]) - len(last)])
    if last:
        return "".join([*parts, _gap(gaps, at_start=not any(parts)), last])
    end = gaps[-1].lstrip(" \t")
    return "".join([*parts, end if any(parts) else ""])


def _gap(gaps: Sequence[str], *, at_start: bool) -> str:
    """One gap for those around a tag: the most line breaks of any, and the indentation of what follows."""
    broken = [gap for gap in gaps if "\n" in gap]
    if not broken:
        return "" if at_start else next((gap[0] for gap in gaps if gap), "")
    breaks = max(broken, key=lambda gap: gap.count("\n")).rpartition("\n")[0].lstrip(" \t") + "\n"
    indentation = broken[-1].rpartition("\n")[2]
    return indentation if at_start else breaks + indentation
