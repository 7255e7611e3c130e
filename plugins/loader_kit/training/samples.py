"""The rows of a run as tensors: cut to length, raw text in blocks, those without a label left out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch

from desktop.api import LoaderError, RowTokens, TrainingRow, TrainSettings

from .tokens import SLOW, RowTokenizer, Tokens


class Sample(msgspec.Struct, frozen=True):
    """One sequence to learn from."""

    ids: torch.Tensor
    """int64, shape (n)."""
    trained: torch.Tensor
    """bool, shape (n): whether the token counts in the loss. The first never can."""
    source: int

    @property
    def labels(self) -> int:
        """Tokens that count in the loss."""
        return int(self.trained[1:].sum())


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """All sequences of a file of rows."""

    samples: tuple[Sample, ...]
    rows: int
    lengths: tuple[int, ...]
    """Tokens of each row before any cut."""
    rows_cut: int
    rows_without_label: int
    digest: str
    """SHA-256 of the sequences and of what counts in them."""
    notes: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """Tokens of all sequences."""
        return sum(len(sample.ids) for sample in self.samples)


def read_rows(path: str) -> list[TrainingRow]:
    """The rows of a file of JSON lines. Raises LoaderError with the number of a line that is none."""
    decoder = msgspec.json.Decoder(TrainingRow)
    rows = []
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    try:
                        rows.append(decoder.decode(line))
                    except (msgspec.DecodeError, UnicodeDecodeError) as error:
                        raise LoaderError(
                            f"Line {number} of {path} is no training row ({error}). Prepare the data again."
                        ) from error
    except OSError as error:
        raise LoaderError(f"{path} can't be read ({error}). Prepare the data again.") from error
    return rows


def make_samples(tokenizer: Any, rows: Sequence[TrainingRow], settings: TrainSettings, stride: int = 0) -> Samples:
    """Tokenise and cut. With a `stride`, blocks of raw text move on by it and only their new tokens count."""
    _refuse_overlap(settings, stride)
    tokenize = RowTokenizer(tokenizer, settings)
    samples, lengths, cut, without = [], [], 0, 0
    digest = hashlib.sha256()
    for row, tokens in zip(rows, tokenize.rows(rows), strict=True):
        lengths.append(len(tokens.ids))
        cut += len(tokens.ids) > settings.cutoff and not row.cut
        kept = [sample for sample in _cut(row, tokens, settings, stride) if sample.labels]
        without += not kept
        for sample in kept:
            samples.append(sample)
            digest.update(len(sample.ids).to_bytes(8, "little"))
            digest.update(sample.ids.numpy().tobytes())
            digest.update(sample.trained.numpy().tobytes())
    return Samples(
        samples=tuple(samples),
        rows=len(rows),
        lengths=tuple(lengths),
        rows_cut=cut,
        rows_without_label=without,
        digest=digest.hexdigest(),
        notes=() if tokenize.exact else (SLOW,),
    )


def show_row(tokenizer: Any, row: TrainingRow, settings: TrainSettings) -> tuple[RowTokens, ...]:
    """The sequences made of one row, as a person can look at them; those without a label too."""
    _refuse_overlap(settings, 0)
    tokens = next(iter(RowTokenizer(tokenizer, settings).rows([row], texts=True)))
    length = len(tokens.ids)
    shown = []
    for begin, end in _windows(row, tokens, settings, 0):
        trained = [False, *tokens.trained[begin + 1 : end]] if end > begin else []
        shown.append(
            RowTokens(
                ids=tuple(tokens.ids[begin:end]),
                texts=tuple(tokens.texts[begin:end]),
                trained=tuple(trained),
                cut=0 if row.cut else length - end,
            )
        )
    return tuple(shown)


def _cut(row: TrainingRow, tokens: Tokens, settings: TrainSettings, stride: int) -> Iterator[Sample]:
    seen = 0
    for begin, end in _windows(row, tokens, settings, stride):
        trained = torch.tensor(tokens.trained[begin:end], dtype=torch.bool)
        trained[:1] = False  # nothing stands before it that it could be told from
        if stride and row.cut:
            trained[: max(seen - begin, 0)] = False
        seen = end
        yield Sample(torch.tensor(tokens.ids[begin:end], dtype=torch.int64), trained, row.source)


def _windows(row: TrainingRow, tokens: Tokens, settings: TrainSettings, stride: int) -> Iterator[tuple[int, int]]:
    """Where the sequences of a row begin and end, in tokens."""
    length = len(tokens.ids)
    if not row.cut or length <= settings.cutoff:
        yield 0, min(length, settings.cutoff)
        return
    begin = 0
    while True:
        end = min(begin + settings.cutoff, length)
        yield begin, end
        if end == length:
            return
        if stride:
            begin += stride
        else:
            begin = _line_before(end - settings.overlap, begin, tokens.line_starts, settings.newline_reach)


def _line_before(wanted: int, after: int, line_starts: Sequence[bool], reach: int) -> int:
    """The nearest start of a line at most `reach` tokens before `wanted`, else `wanted`. Going back loses no text."""
    lowest = max(after + 1, wanted - reach)
    return next((at for at in range(wanted, lowest - 1, -1) if line_starts[at]), wanted)


def _refuse_overlap(settings: TrainSettings, stride: int) -> None:
    if settings.overlap >= settings.cutoff:
        raise LoaderError(
            f"Blocks of {settings.cutoff} tokens can't share {settings.overlap}. Make the overlap smaller than "
            "the cutoff."
        )
    if stride > settings.cutoff:
        raise LoaderError(
            f"A stride of {stride} tokens would skip text between windows of {settings.cutoff}. Make it smaller."
        )
