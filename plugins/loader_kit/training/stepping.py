"""One optimiser step: the rows of a batch in as many passes as memory wants, then one change of the factors."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import msgspec
import torch

from desktop.api import TrainSettings

from .adapter import TrainedAdapter
from .batches import split
from .forward import Forward
from .optimizers import make_optimizer
from .randomness import Randomness
from .samples import Sample
from .together import Group


class Gradients(msgspec.Struct, frozen=True):
    """What a batch said, before anything has changed."""

    loss: float
    """Mean over the batch's tokens that count, in nats."""
    norm: float
    """Length of the gradient before it was shortened."""
    tokens: int
    seconds: float


class Stepper:
    """Holds what changes with each step: factors, optimiser, random numbers."""

    def __init__(
        self, model: Any, settings: TrainSettings, adapter: TrainedAdapter, widen: bool, group: Group | None = None
    ) -> None:
        """The adapter acts on the model already, which is in training mode. Without a group the process is alone."""
        self._settings = settings
        self._group = group or Group()
        self._adapter = adapter
        self.parameters = adapter.parameters
        self.optimizer = make_optimizer(settings, self.parameters)
        # Processes that train together leave different inputs out.
        self.randomness = Randomness(settings.seed + 1_000_003 * self._group.rank, model.device)
        for site in adapter.sites.values():
            site.widen = widen
        head = model.get_output_embeddings()
        trained_head = any(site.module is head for site in adapter.sites.values())
        self.forward = Forward(model, packing=settings.packing, trained_head=trained_head)

    def gradients(self, samples: Sequence[Sample], at_once: int) -> Gradients:
        """The mean loss over all labelled tokens of the batch, and its gradient in the factors, however it is split.

        Processes that train together are all given the whole batch, and all have the result.
        """
        started = perf_counter()
        labels = sum(sample.labels for sample in samples)
        total, tokens = 0.0, 0
        with self.randomness, torch.enable_grad():
            for micro in split(self._group.share(samples), at_once, padded=not self.forward.packed):
                with self.forward.attending(micro):
                    losses = self.forward.losses(micro)
                    torch.autograd.backward(losses.total / labels)
                total += float(losses.total.detach())
                tokens += micro.tokens
        self._group.add_gradients(self.parameters)
        total, computed = self._group.add(total, tokens)
        limit = self._settings.max_grad_norm
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, limit or float("inf"))
        return Gradients(total / labels, float(norm), int(computed), perf_counter() - started)

    def apply(self, learning_rate: float) -> None:
        """Change the factors by the gradients that are there."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self._adapter.changed()
        self.optimizer.zero_grad(set_to_none=True)
