"""Quantises layer after layer: each sees what the quantised layers before it give, so no more than one layer's
Hessians and float weights stand beside the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from desktop.api import LayerError, Progress

from .layers import Layer, find_layers, find_stages, first_inputs, hessian_of
from .scheme import Quantised, Scheme
from .solve import output_error, round_to_nearest, solve

Tell = Callable[[float], None]

STAGES = 0.9
"""The share of a layer's time that its linears take; the rest is running it once more."""


class Walk:
    """One model on its way."""

    def __init__(self, model: Any, scheme: Scheme, progress: Progress) -> None:
        """`progress` is called many times in a layer and may raise to end the walk."""
        self._scheme = scheme
        self._progress = progress
        self._model = model
        self.layers = find_layers(model)
        self.errors: list[LayerError] = []
        self.unseen: list[str] = []
        """Linears that the calibration text never reached; they were rounded to nearest."""

    @torch.no_grad()
    def run(self, blocks: torch.Tensor) -> Iterator[tuple[str, Quantised]]:
        """Every linear's name and its quantised weight, on the CPU, for blocks of tokens (n, tokens)."""
        self._progress("Reading the calibration text", 0.0)
        hidden = first_inputs(self._model, self.layers, blocks)
        for number, layer in enumerate(self.layers):
            tell = self._teller(number)
            copy = layer.copy()
            yield from self._layer(copy, hidden, tell)
            if number + 1 < len(self.layers):
                for place, block in enumerate(hidden):
                    tell(STAGES + (1 - STAGES) * place / len(hidden))
                    hidden[place] = copy.run(block)

    def _layer(self, layer: Layer, hidden: list[torch.Tensor], tell: Tell) -> Iterator[tuple[str, Quantised]]:
        linears = layer.linears()
        stages = find_stages(layer, hidden[0])
        seen = {name for stage in stages for name in stage}
        stages += [[name] for name in linears if name not in seen]
        for number, names in enumerate(stages):

            def watch(share: float, number: int = number) -> None:
                tell(STAGES * (number + share) / len(stages))

            some = {name: linears[name] for name in names}
            hessian = self._hessian(layer, some, hidden, watch)
            yield from self._stage(some, hessian, watch)

    def _hessian(
        self, layer: Layer, linears: dict[str, nn.Linear], hidden: list[torch.Tensor], watch: Tell
    ) -> torch.Tensor:
        linear = next(iter(linears.values()))
        total = torch.zeros(linear.in_features, linear.in_features, device=linear.weight.device)
        for number, block in enumerate(hidden):
            watch(number / len(hidden) / 2)
            hessian_of(layer, linear, block, total)
        return total

    def _stage(
        self, linears: dict[str, nn.Linear], hessian: torch.Tensor, watch: Tell
    ) -> Iterator[tuple[str, Quantised]]:
        """Linears with the same input are solved as one weight, their outputs side by side: the same, and faster."""
        weights = [linear.weight for linear in linears.values()]
        together = torch.cat(weights)
        seen = bool(hessian.any())
        if seen:
            whole = solve(together, hessian, self._scheme, lambda share: watch((1 + share) / 2))
        else:
            whole = round_to_nearest(together, self._scheme)
            self.unseen += linears
        begin = 0
        for (name, linear), weight in zip(linears.items(), weights, strict=True):
            part = whole.outputs(begin, begin + weight.shape[0])
            begin += weight.shape[0]
            read = part.weight()
            self.errors.append(LayerError(name, output_error(weight, read, hessian)))
            linear.weight = nn.Parameter(read, requires_grad=False)
            yield name, part.on_cpu()

    def _teller(self, number: int) -> Tell:
        count = len(self.layers)

        def tell(share: float) -> None:
            self._progress(f"Quantising layer {number + 1} of {count}", (number + share) / count)

        return tell
