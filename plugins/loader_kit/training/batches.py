"""Which rows come when, and how those of one step are shared out among forward passes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec
import torch

from desktop.api import TrainSettings

from .samples import Sample


class Micro(msgspec.Struct, frozen=True):
    """Rows that are computed in one forward pass."""

    samples: tuple[Sample, ...]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(sample.ids) for sample in self.samples]

    @property
    def tokens(self) -> int:
        """Tokens of all rows."""
        return sum(self.lengths)

    def targets(self) -> torch.Tensor:
        """The tokens that count, int64, in the order of the rows."""
        return torch.cat([sample.ids[1:][sample.trained[1:]] for sample in self.samples])

    def positions(self, width: int = 0) -> torch.Tensor:
        """Where in the flattened sequence each of them is told from: rows end to end, or each `width` long."""
        found, at = [], 0
        for sample in self.samples:
            found.append(sample.trained[1:].nonzero()[:, 0] + at)
            at += width or len(sample.ids)
        return torch.cat(found)


def steps_an_epoch(samples: int, settings: TrainSettings) -> int:
    """Optimiser steps in which every row is seen once; the last may have fewer rows."""
    return math.ceil(samples / settings.batch_size)


def total_steps(samples: int, settings: TrainSettings) -> int:
    """Optimiser steps of the whole run."""
    by_epochs = math.ceil(settings.epochs * steps_an_epoch(samples, settings) - 1e-9)
    return settings.max_steps or max(by_epochs, 1)


def batches(samples: Sequence[Sample], settings: TrainSettings, first_step: int) -> Iterator[tuple[Sample, ...]]:
    """The rows of each step from `first_step` (from 0) on, without end. Each epoch has an order of its own by seed."""
    each = steps_an_epoch(len(samples), settings)
    epoch, skip = divmod(first_step, each)
    while True:
        order = row_order(len(samples), settings.seed, epoch)
        for step in range(skip, each):
            begin = step * settings.batch_size
            yield tuple(samples[at] for at in order[begin : begin + settings.batch_size])
        epoch, skip = epoch + 1, 0


def row_order(samples: int, seed: int, epoch: int) -> list[int]:
    """A permutation that depends on these three numbers alone."""
    random = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(samples, generator=random).tolist()


def split(samples: Sequence[Sample], tokens: int, *, padded: bool) -> list[Micro]:
    """Share rows out among as few passes as hold at most so many tokens each, evenly; a longer row gets its own.

    Padded rows cost what the longest beside them costs, so those go by length.
    """
    if not samples:
        return []
    if padded:
        return _by_length(samples, tokens)
    count = min(len(samples), max(1, math.ceil(sum(len(sample.ids) for sample in samples) / tokens)))
    while True:
        bins = spread(samples, count)
        if count == len(samples) or max(sum(len(one.ids) for one in some) for some in bins) <= tokens:
            return [Micro(tuple(some)) for some in bins if some]
        count += 1


def spread(samples: Sequence[Sample], count: int) -> list[list[Sample]]:
    """Share rows out evenly by tokens into so many groups, some of which may be empty; each keeps the rows' order."""
    bins: list[list[int]] = [[] for _ in range(count)]
    sizes = [0] * count
    for at in sorted(range(len(samples)), key=lambda at: -len(samples[at].ids)):
        smallest = sizes.index(min(sizes))
        bins[smallest].append(at)
        sizes[smallest] += len(samples[at].ids)
    return [[samples[at] for at in sorted(some)] for some in bins]


def _by_length(samples: Sequence[Sample], tokens: int) -> list[Micro]:
    found: list[list[Sample]] = []
    for sample in sorted(samples, key=lambda sample: -len(sample.ids)):
        if found and len(found[-1][0].ids) * (len(found[-1]) + 1) <= tokens:
            found[-1].append(sample)
        else:
            found.append([sample])
    return [Micro(tuple(some)) for some in found]
