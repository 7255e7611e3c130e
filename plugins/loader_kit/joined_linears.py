"""Linears that share their input, computed in one product where torch's 4-bit kernel computes each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import torch

from . import int4_kernel
from .gptq_linear import GptqLinear
from .int4_kernel import Int4

BLOCK = 64
"""Outputs that the kernel packs together at most: a linear has to end where a block does."""


class JoinedLinears:
    """Several linears side by side, for the few rows of a decoding step. Their packed weights lie in one tensor."""

    def __init__(self, weights: Int4, bias: torch.Tensor | None) -> None:
        """`weights` holds the outputs of all, one linear after the other; `bias` of shape (out) as well."""
        self._weights = weights
        self._bias = bias
        self._parts: list[Int4] = []

    def share(self, linears: Sequence[GptqLinear]) -> None:
        """Have each of them read its packed weights from the common tensor."""
        begin = 0
        for one in linears:
            assert one.kernel is not None
            end = begin + one.kernel.packed.shape[0]
            one.kernel = msgspec.structs.replace(one.kernel, packed=self._weights.packed[begin:end])
            self._parts.append(one.kernel)
            begin = end
        linears[0].joint = self

    def holds(self, linears: Sequence[GptqLinear]) -> bool:
        """Whether these are the linears it was made of, as they were then."""
        same = len(linears) == len(self._parts)
        return same and all(one.kernel is part for one, part in zip(linears, self._parts, strict=True))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """All outputs, bfloat16 of shape (rows, sum of out), for bfloat16 `x` of shape (rows, in)."""
        y = int4_kernel.multiply(x, self._weights)
        return y if self._bias is None else y + self._bias


@torch.no_grad()
def joined(linears: Sequence[Any]) -> JoinedLinears | None:
    """One product for these linears; None where they can't be joined, or where it would give other numbers.

    From then on each of them reads its packed weights from the common tensor, so that these are there once; scales and
    zeros, an eighth of them, are there twice. Asked again, it answers with what it made.
    """
    if not all(type(one) is GptqLinear and one.kernel is not None for one in linears):
        return None
    known: JoinedLinears | None = linears[0].joint
    if known is not None and known.holds(linears):
        return known
    kernels = [one.kernel for one in linears]
    first = kernels[0]
    alike = all(each.group == first.group and _equal(each.order, first.order) for each in kernels)
    biased = {one.bias is not None for one in linears}
    if not alike or len(biased) > 1 or any(one.out_features % BLOCK for one in linears):
        return None
    packed = torch.cat([each.packed for each in kernels])
    pairs = torch.cat([each.scales_and_zeros for each in kernels], dim=1)
    bias = torch.cat([one.bias for one in linears]).to(torch.bfloat16) if True in biased else None
    made = JoinedLinears(msgspec.structs.replace(first, packed=packed, scales_and_zeros=pairs), bias)
    x = torch.linspace(-2, 2, linears[0].in_features).cos().to(torch.bfloat16)[None]
    if not torch.equal(made(x), torch.cat([one(x) for one in linears], dim=1)):
        return None
    made.share(linears)
    return made


def _equal(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    return one is other if one is None or other is None else torch.equal(one, other)
