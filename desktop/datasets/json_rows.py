"""Rows of a JSON file: a list, a value a line, or objects one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .elements import Element, cut_elements
from .json_values import decode_json, too_long
from .lines import bounded_lines
from .plan import RowError
from .records import Found


def rows_of_lines(chunks: Iterable[bytes]) -> Iterator[Found]:
    """A row from each line that is not blank."""
    for number, line in bounded_lines(chunks):
        if line is None:
            yield Found(line=number, problem=too_long())
        elif line.strip():
            yield _decoded(number, line.rstrip(b"\r\n"))


def rows_of_values(chunks: Iterable[bytes], *, in_list: bool) -> Iterator[Found]:
    """A row from each value of a list, or from each of some objects that take several lines."""
    for element in cut_elements(chunks, in_list=in_list):
        problem = _fault(element)
        if problem is not None:
            yield Found(line=element.line, problem=problem)
        elif element.data is None:
            yield Found(line=element.line, problem=too_long())
        else:
            yield _decoded(element.line, element.data.strip())


def _fault(element: Element) -> RowError | None:
    if element.fault == "cut short":
        return RowError("cut short", "The file ends in the middle of this row. Get the whole file again.")
    if element.fault == "list not closed":
        return RowError("list not closed", "The file ends without the bracket ] that closes its list.")
    if element.fault == "after the list":
        return RowError(
            "after the list", "More follows after the end of the list. A file holds one list, or a row a line."
        )
    if element.data is not None and not element.data.strip():
        return RowError("nothing between commas", "A comma has no row before or after it. Take the comma out.")
    return None


def _decoded(line: int, data: bytes) -> Found:
    try:
        return Found(line=line, value=decode_json(data))
    except RowError as problem:
        return Found(line=line, problem=problem)
