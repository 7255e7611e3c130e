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

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """All outputs, bfloat16 of shape (rows, sum of out), for bfloat16 `x` of shape (rows, in)."""
        y = int4_kernel.multiply(x, self._weights)
        return y if self._bias is None else y + self._bias


@torch.no_grad()
def joined(linears: Sequence[Any]) -> JoinedLinears | None:
    """One product for these linears; None where they can't be joined, or where it would give other numbers.

    From then on each of them reads its weights from the common tensor, so that they take no memory twice.
    """
    if not all(type(one) is GptqLinear and one.kernel is not None for one in linears):
        return None
    kernels = [one.kernel for one in linears]
    first = kernels[0]
    alike = all(each.group == first.group and _equal(each.order, first.order) for each in kernels)
    biased = {one.bias is not None for one in linears}
    if not alike or len(biased) > 1 or any(one.out_features % BLOCK for one in linears):
        return None
    packed = _common([each.packed for each in kernels], 0)
    pairs = _common([each.scales_and_zeros for each in kernels], 1)
    bias = torch.cat([one.bias for one in linears]).to(torch.bfloat16) if True in biased else None
    made = JoinedLinears(msgspec.structs.replace(first, packed=packed, scales_and_zeros=pairs), bias)
    x = torch.linspace(-2, 2, linears[0].in_features).cos().to(torch.bfloat16)[None]
    if not torch.equal(made(x), torch.cat([one(x) for one in linears], dim=1)):
        return None
    begin = 0
    for one, each in zip(linears, kernels, strict=True):
        end = begin + each.packed.shape[0]
        one.kernel = msgspec.structs.replace(each, packed=packed[begin:end])
        begin = end
    return made


def _equal(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    return one is other if one is None or other is None else torch.equal(one, other)


def _common(parts: list[torch.Tensor], dim: int) -> torch.Tensor:
    """The parts along a dimension; where they are pieces of one tensor already, that one."""
    whole = parts[0]._base
    if dim == 0 and whole is not None and sum(map(len, parts)) == len(whole):
        at = whole.storage_offset()
        offsets = []
        for part in parts:
            offsets.append(at)
            at += part.numel()
        if all(p._base is whole and p.storage_offset() == o for p, o in zip(parts, offsets, strict=True)):
            return whole
    return torch.cat(parts, dim=dim)
