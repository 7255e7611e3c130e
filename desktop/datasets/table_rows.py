"""Rows of a CSV or TSV file: the first line names the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from .json_values import decode_text, shortened, too_long
from .lines import LONGEST_ROW, bounded_lines
from .plan import DataError, RowError
from .records import Found

_DELIMITERS = ",;\t|"


class _Lines:
    """Decoded lines for the csv module, which asks for the next one also after one that raised."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._lines = bounded_lines(chunks)
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        if line is None:
            raise too_long()
        text = decode_text(line)
        if "\0" in text:
            raise RowError("NUL character", "The row holds a NUL character, which no text has. Take it out.")
        return text


def rows_of_table(chunks: Iterable[bytes], name: str, delimiter: str = "") -> Iterator[Found]:
    """A dict of texts for each line of cells; without `delimiter` the commonest of `,`, `;`, tab and `|` in the heads.

    Raises DataError where the heads can't be used.
    """
    lines = _Lines(chunks)
    heads, delimiter = _heads(lines, name, delimiter)
    # Process-wide, and the module's own 128 KiB are less than an answer may have.
    csv.field_size_limit(LONGEST_ROW)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        begin = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except RowError as problem:
            yield Found(line=lines.number, problem=problem)
        except csv.Error as error:
            yield Found(line=begin, problem=RowError("quotes", _in_words(error)))
        else:
            if cells:
                yield _row(begin, heads, cells)


def _heads(lines: _Lines, name: str, delimiter: str) -> tuple[list[str], str]:
    try:
        first = next(line for line in lines if line.strip())
        delimiter = delimiter or max(_DELIMITERS, key=first.count)
        heads = [head.strip() for head in next(csv.reader([first], delimiter=delimiter, strict=True))]
    except StopIteration as error:
        raise DataError(f"{name} is empty. Choose another file.") from error
    except (RowError, csv.Error) as error:
        words = _in_words(error) if isinstance(error, csv.Error) else str(error)
        raise DataError(f"{name}, line {lines.number}: the columns' names can't be read. {words}") from error
    if twice := next((head for head in heads if heads.count(head) > 1), None):
        raise DataError(f"{name}, line {lines.number}: two columns are called {shortened(twice)}. Rename one.")
    if "" in heads and len(heads) > 1:
        # What a table with numbered rows leaves over its first column.
        heads[heads.index("")] = "(no name)"
    return heads, delimiter


def _row(line: int, heads: list[str], cells: list[str]) -> Found:
    if len(cells) == len(heads):
        return Found(line=line, value=dict(zip(heads, cells, strict=True)))
    return Found(
        line=line,
        problem=RowError(
            "number of cells",
            f"The row has {len(cells)} cells, but there are {len(heads)} columns. Put a cell with a comma or a line "
            "break in quotes.",
        ),
    )


def _in_words(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end of data" in words:
        return "A quote is opened here and never closed. Close it."
    if "field larger" in words:
        return "A cell is longer than a row may be; perhaps a quote is opened here and never closed."
    return "A quote ends in the middle of a cell. Put the whole cell in quotes, and write a quote inside it twice."
