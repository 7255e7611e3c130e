"""Checks every row of a plan and hands out the good ones, told apart into those to train on and those held out."""

from __future__ import annotations

import hashlib
import random
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec

from desktop.api import TrainingRow

from .decoding import Progress, Tally
from .kinds import Shape, find_shape
from .making import Maker, choose_maker
from .plan import DataError, DataPlan, RowError, checked_plan
from .reading import read_records, source_files
from .records import Record
from .report import KEPT_BAD_ROWS, BadRow, DatasetReport


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Files that are read the same way: those to train on, or those to evaluate on."""

    files: tuple[Path, ...]
    shape: Shape
    maker: Maker


class Prepared:
    """Checked data. Rows are made anew from the files each time, so that any amount fits in memory."""

    def __init__(
        self, plan: DataPlan, report: DatasetReport, sources: tuple[Source, ...], held_out: frozenset[int]
    ) -> None:
        """`held_out` holds the hashes of the texts that are kept back from the first source."""
        self.plan = plan
        self.report = report
        self._sources = sources
        self._held_out = held_out

    def rows(self, progress: Progress | None = None) -> Iterator[TrainingRow]:
        """The rows to train on, in the files' order. Raises DataError where the report isn't `usable`."""
        self.raise_unless_usable()
        for held_out, row in self._all(progress):
            if not held_out:
                yield row

    def evaluation_rows(self, progress: Progress | None = None) -> Iterator[TrainingRow]:
        """The rows for evaluation, in the files' order. Raises DataError where the report isn't `usable`."""
        self.raise_unless_usable()
        for held_out, row in self._all(progress):
            if held_out:
                yield row

    def split_rows(self, progress: Progress | None = None) -> Iterator[tuple[bool, TrainingRow]]:
        """All good rows in one reading, each with whether it is for evaluation. Raises DataError like `rows`.

        Raises it at the end too, where a file is no longer the one that was checked.
        """
        self.raise_unless_usable()
        yield from self._all(progress)

    def row(self, number: int) -> TrainingRow:
        """The row of that number in the data, whether others are good or not. Raises DataError with what is wrong."""
        for source in self._sources:
            for record in read_records(source.files, self.plan, Tally()):
                if record.row == number:
                    try:
                        return _made(source.maker, record)
                    except RowError as error:
                        raise DataError(_bad_row(record, error).in_words()) from error
        raise DataError(f"There is no row {number}. The data has {self.report.rows + self.report.bad} rows.")

    def raise_unless_usable(self) -> None:
        """Raise DataError with the report's `problem`, if it has one."""
        if self.report.problem:
            raise DataError(self.report.problem)

    def _all(self, progress: Progress | None) -> Iterator[tuple[bool, TrainingRow]]:
        tally = Tally(progress)
        for number, source in enumerate(self._sources):
            for record in read_records(source.files, self.plan, tally):
                try:
                    row = _made(source.maker, record)
                except RowError:
                    continue  # told and counted by the check; with "stop" nobody comes here
                yield number > 0 or _text_hash(row) in self._held_out, row
        if tally.sha256 != self.report.sha256:
            raise DataError("A data file was changed after it was checked. Check the data again.")


def prepare(plan: DataPlan, progress: Progress | None = None) -> Prepared:
    """Read and check everything once; bad rows are in the report. Raises DataError where nothing can be read at all.

    `progress` gets the bytes read so far and their sum; what it raises ends the reading and leaves this function.
    """
    checked_plan(plan)
    sources = tuple(
        _source(plan, paths) for paths in ((plan.sources, plan.evaluation) if plan.evaluation else (plan.sources,))
    )
    tally = Tally(progress, sum(file.stat().st_size for source in sources for file in source.files))
    check = _Check()
    hashes = [check.run(source, plan, tally) for source in sources]
    held_out = _held_out(hashes[0], plan)
    kept_back = sum(1 for one in hashes[0] if one in held_out) + sum(len(rest) for rest in hashes[1:])
    first = sources[0]
    notes = dict.fromkeys(
        (
            *(note for source in sources for note in (*source.shape.notes, *source.maker.notes)),
            *check.notes(),
            *tally.notes(plan.min_block),
        )
    )
    report = DatasetReport(
        files=tuple(str(file) for source in sources for file in source.files),
        bytes=tally.bytes,
        sha256=tally.sha256,
        kind=first.shape.kind,
        kind_reason=first.shape.reason,
        columns=tuple(check.columns),
        mapping=first.shape.mapping,
        ignored_columns=tuple(name for name in check.columns if name not in first.maker.columns),
        template=first.maker.name,
        loss=plan.loss,
        rows=sum(len(source) for source in hashes) - kept_back,
        evaluation_rows=kept_back,
        bad=check.bad,
        bad_by_reason=dict(sorted(check.reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
        bad_rows=tuple(check.bad_rows),
        duplicates=check.duplicates,
        on_bad=plan.on_bad,
        notes=tuple(notes),
    )
    return Prepared(plan, report, sources, held_out)


def _source(plan: DataPlan, paths: tuple[str, ...]) -> Source:
    files = source_files(paths)
    shape = find_shape(files, plan)
    return Source(files=files, shape=shape, maker=choose_maker(plan, shape))


class _Check:
    """Counts while all rows are read once."""

    def __init__(self) -> None:
        self.bad = 0
        self.reasons: dict[str, int] = {}
        self.bad_rows: list[BadRow] = []
        self.duplicates = 0
        self.columns: dict[str, None] = {}

    def run(self, source: Source, plan: DataPlan, tally: Tally) -> array[int]:
        """The hash of each good row's text, in order."""
        hashes, seen = array("Q"), set[int]()
        for record in read_records(source.files, plan, tally):
            if isinstance(record.value, dict) and len(self.columns) < 1000:
                self.columns.update(dict.fromkeys(record.value))
            try:
                text_hash = _text_hash(_made(source.maker, record))
            except RowError as error:
                self._count(_bad_row(record, error))
                continue
            self.duplicates += text_hash in seen
            seen.add(text_hash)
            hashes.append(text_hash)
        return hashes

    def _count(self, row: BadRow) -> None:
        self.bad += 1
        self.reasons[row.reason] = self.reasons.get(row.reason, 0) + 1
        if len(self.bad_rows) < KEPT_BAD_ROWS:
            self.bad_rows.append(row)

    def notes(self) -> list[str]:
        """What follows from the counts."""
        if not self.duplicates:
            return []
        rows = "1 row is" if self.duplicates == 1 else f"{self.duplicates} rows are"
        return [f"{rows} the same as an earlier one; they are kept and count that much more."]


def _made(maker: Maker, record: Record) -> TrainingRow:
    if record.problem is not None:
        raise record.problem
    return TrainingRow(
        parts=maker.make(record.value),
        source=record.row,
        add_special_tokens=maker.add_special_tokens,
        cut=maker.cut,
    )


def _bad_row(record: Record, error: RowError) -> BadRow:
    return BadRow(file=record.file, row=record.row, line=record.line, reason=error.reason, message=str(error))


def _text_hash(row: TrainingRow) -> int:
    text = "".join(part.text for part in row.parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _held_out(hashes: array[int], plan: DataPlan) -> frozenset[int]:
    """Which texts are kept back. Rows with the same text stay on one side, else evaluation would measure memory."""
    if not plan.holdout:
        return frozenset()
    texts = list(dict.fromkeys(hashes))
    count = round(len(texts) * plan.holdout) if plan.holdout < 1 else int(plan.holdout)
    count = max(count, 1)
    if count >= len(texts):
        raise DataError(
            f"{count} rows can't be kept back: the data has {len(texts)} different good rows, and at least one must be "
            "left to train on. Keep back fewer, or give a file for evaluation."
        )
    return frozenset(random.Random(plan.seed).sample(texts, count))
