"""Training rows as files in a run's folder: JSON lines of `TrainingRow`, whole or not there at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from desktop.api import TrainingRow
from desktop.library.atomic import written_atomically

from .decoding import Progress
from .plan import DataError, DataPlan
from .prepare import prepare
from .report import DatasetReport

ROWS_FILE = "rows.jsonl"
EVALUATION_FILE = "evaluation.jsonl"


def write_rows(plan: DataPlan, folder: Path, progress: Progress | None = None) -> DatasetReport:
    """Check the data and write `rows.jsonl`, and `evaluation.jsonl` where rows are held out, into a run's folder.

    Raises DataError where the data can't be used or the disk is full; a `rows.jsonl` of before is then as it was.
    """
    prepared = prepare(plan, progress)
    prepared.raise_unless_usable()
    encoder = msgspec.json.Encoder()
    try:
        with written_atomically(folder / EVALUATION_FILE) as evaluation, written_atomically(folder / ROWS_FILE) as rows:
            for held_out, row in prepared.split_rows():
                (evaluation if held_out else rows).write(encoder.encode(row) + b"\n")
        if not prepared.report.evaluation_rows:
            (folder / EVALUATION_FILE).unlink()
    except OSError as error:
        raise DataError(
            f"The rows can't be written into {folder} ({error.strerror}). Free some space or choose another place."
        ) from error
    return prepared.report


def read_rows(file: Path) -> Iterator[TrainingRow]:
    """The rows of a file that `write_rows` wrote. Raises DataError where it is damaged."""
    decoder = msgspec.json.Decoder(TrainingRow)
    number = 0
    try:
        with file.open("rb") as lines:
            for line in lines:
                number += 1
                yield decoder.decode(line)
    except msgspec.DecodeError as error:
        raise DataError(f"{file.name}, line {number} is damaged ({error}). Make the rows again.") from error
    except OSError as error:
        raise DataError(f"{file} can't be read ({error.strerror}).") from error
