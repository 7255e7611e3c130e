"""From files to numbered records, one at a time."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from desktop.library.places import printable, unreadable_in_words

from .containers import TEXT_SUFFIXES, look_at
from .decoding import Tally, utf8_chunks
from .json_rows import rows_of_lines, rows_of_values
from .plan import DataError, DataPlan, unescaped
from .raw_rows import rows_of_text
from .records import Container, Found, Record
from .table_rows import rows_of_table


def source_files(sources: Sequence[str]) -> tuple[Path, ...]:
    """The files that the sources name, a folder's texts in natural order. Raises DataError."""
    files: list[Path] = []
    for source in sources:
        path = Path(source)
        try:
            path.stat()
            files += _texts(path) if path.is_dir() else [path]
        except OSError as error:
            if error.errno == errno.ENOENT and not path.is_symlink():
                raise DataError(f"There is no file {printable(path)}. Look at the name.") from error
            raise DataError(f"{printable(path)}: {unreadable_in_words(path, error)}") from error
        except ValueError as error:
            raise DataError(f"{source!r} is not a path. Choose a file.") from error
    return tuple(files)


def read_records(files: Sequence[Path], plan: DataPlan, tally: Tally) -> Iterator[Record]:
    """All records of the files in order, numbered from 1. Raises DataError where a file as a whole can't be read."""
    row = 0
    for file in files:
        name = printable(file.name)
        for found in _rows(file, plan, tally)[1]:
            row += 1
            yield Record(file=name, row=row, line=found.line, value=found.value, problem=found.problem)


def container_of(file: Path, plan: DataPlan) -> Container:
    """How a file holds its rows. Raises DataError."""
    return _rows(file, plan, Tally())[0]


def _rows(file: Path, plan: DataPlan, tally: Tally) -> tuple[Container, Iterator[Found]]:
    chunks: Iterator[bytes] = utf8_chunks(file, tally)
    container: Container = "text"
    if plan.kind != "raw":
        container, chunks = look_at(printable(file.name), file.suffix.lower(), chunks)
    if container == "json lines":
        return container, rows_of_lines(chunks)
    if container == "json list" or container == "json objects":
        return container, rows_of_values(chunks, in_list=container == "json list")
    if container == "text":
        return container, rows_of_text(chunks, unescaped(plan.hard_cut), plan.min_block, tally)
    return container, rows_of_table(chunks, printable(file.name), "\t" if container == "tab table" else "")


def _texts(folder: Path) -> list[Path]:
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in TEXT_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise DataError(f"There is no .txt or .md file in {printable(folder)}. Choose a folder of texts, or a file.")
    return sorted(found, key=lambda path: _natural(str(path.relative_to(folder))))


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Sorts chapter 10 after chapter 9."""
    pieces = re.split(r"([0-9]+)", text.lower())
    return [(0, int(piece), "") if piece.isdigit() and piece.isascii() else (1, 0, piece) for piece in pieces]
