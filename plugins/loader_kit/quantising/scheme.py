"""How weights are put on a grid, and a weight that has been.

A weight w in a group with scale s and zero point z is stored as the integer q = round(w / s) + z, cut to
0 ... 2^bits - 1, and read as s * (q - z).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from desktop.api import QuantizeRequest


@dataclass(frozen=True)
class Scheme:
    """Everything that decides how a weight is quantised."""

    bits: int
    group_size: int
    """Inputs in a group; -1 for one group."""
    symmetric: bool = False
    act_order: bool = False
    search: bool = True
    damp: float = 0.01

    @property
    def largest(self) -> int:
        """The largest integer of the grid."""
        return (1 << self.bits) - 1

    def group_of(self, inputs: int) -> int:
        """Inputs in a group of a linear with so many."""
        return inputs if self.group_size == -1 else self.group_size

    def groups(self, inputs: int) -> int:
        """Number of groups; the last one may be smaller."""
        return -(-inputs // self.group_of(inputs))


@dataclass(frozen=True)
class Quantised:
    """A linear's weight as integers; inputs run down, outputs across."""

    codes: torch.Tensor
    """(in, out) uint8."""
    scales: torch.Tensor
    """(groups, out) float16."""
    zeros: torch.Tensor
    """(groups, out) uint8, from 1 to 2^bits - 1."""
    group_index: torch.Tensor
    """(in) int32: the group of each input."""

    def weight(self) -> torch.Tensor:
        """What it stands for: (out, in) float32."""
        index = self.group_index.long()
        steps = self.codes.float() - self.zeros.float()[index]
        return (steps * self.scales.float()[index]).T.contiguous()

    def outputs(self, begin: int, end: int) -> Quantised:
        """Those of the outputs."""
        return Quantised(
            self.codes[:, begin:end].contiguous(),
            self.scales[:, begin:end].contiguous(),
            self.zeros[:, begin:end].contiguous(),
            self.group_index.clone(),  # a file refuses tensors that share memory
        )

    def on_cpu(self) -> Quantised:
        """The same in the CPU's memory."""
        return Quantised(self.codes.cpu(), self.scales.cpu(), self.zeros.cpu(), self.group_index.cpu())


def scheme_of(request: QuantizeRequest) -> Scheme:
    """The scheme that is asked for."""
    return Scheme(request.bits, request.group_size, request.symmetric, request.act_order, request.search, request.damp)
