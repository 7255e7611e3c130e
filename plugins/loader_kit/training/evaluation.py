"""The loss over rows, without learning from them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from desktop.api import EvaluateRequest, Evaluation, LoaderError

from .batches import Micro, split
from .forward import Forward
from .memory import choose_micro_batch
from .prepared import prepared
from .samples import Sample, make_samples, read_rows

if TYPE_CHECKING:
    from loader_kit.torch_model import TorchModel


class Measured:
    """Sums over the passes so far."""

    def __init__(self) -> None:
        """Nothing measured yet."""
        self.total = 0.0
        self.correct = 0
        self.tokens = 0

    @property
    def loss(self) -> float:
        """Mean cross entropy over the tokens that count."""
        return self.total / max(self.tokens, 1)

    @property
    def accuracy(self) -> float:
        """Share of them that are the likeliest."""
        return self.correct / max(self.tokens, 1)


def measure(forward: Forward, passes: Sequence[Micro], measured: Measured) -> Generator[float, None, None]:
    """Add the losses of these passes up in `measured`; yields the share done. The model is in evaluation mode."""
    for done, micro in enumerate(passes, 1):
        with torch.no_grad(), forward.attending(micro):
            losses = forward.losses(micro)
        measured.total += float(losses.total)
        measured.correct += int(losses.correct)
        measured.tokens += sum(sample.labels for sample in micro.samples)
        yield done / len(passes)


def passes_over(samples: Sequence[Sample], tokens: int, *, padded: bool) -> list[Micro]:
    """All rows, those of like length together, so that passes are even."""
    ordered = sorted(samples, key=lambda sample: len(sample.ids))
    found: list[Micro] = []
    piece: list[Sample] = []
    for sample in ordered:
        if piece and sum(len(one.ids) for one in piece) + len(sample.ids) > tokens:
            found += split(piece, tokens, padded=padded)
            piece = []
        piece.append(sample)
    return found + (split(piece, tokens, padded=padded) if piece else [])


def evaluate(owner: TorchModel, request: EvaluateRequest) -> Generator[float, None, Evaluation]:
    """Loss and accuracy of the model with its present stack. Raises LoaderError where nothing can be measured."""
    rows = read_rows(request.rows)
    read = make_samples(owner.tokenizer, rows, request.settings, request.stride or request.settings.cutoff)
    refuse_empty(read.samples)
    model: Any = owner.model
    with prepared(model, training=False):
        forward = Forward(model, packing=request.settings.packing)
        longest = max(len(sample.ids) for sample in read.samples)
        tokens = choose_micro_batch(model, request.settings, 0, longest)
        measured = Measured()
        yield from measure(forward, passes_over(read.samples, tokens, padded=not forward.packed), measured)
    return Evaluation(loss=measured.loss, accuracy=measured.accuracy, tokens=measured.tokens, rows=read.rows)


def refuse_empty(samples: Sequence[Sample]) -> None:
    """Raise LoaderError where no row has a token that counts."""
    if not samples:
        raise LoaderError(
            "No row has a token that counts in the loss: all were cut before their answer, or are empty. Raise the "
            "cutoff, or look at the data's mapping."
        )
