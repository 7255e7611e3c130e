"""torch's 4-bit product on the CPU, for the few rows of a decoding step.

The kernel computes x W^T with W = scale * (q - 8) + zero, scales and zeros in bfloat16 and x in bfloat16: its result is
as far from the exact one as that of a product with weights rounded to bfloat16 (2^-8 of the largest output).
"""

from __future__ import annotations

import msgspec
import torch

GROUPS = (256, 128, 64, 32)
"""Group sizes the kernel knows, largest first; a larger group is cut into several with the same scale."""
ROWS = 32
"""Rows up to which it is faster than unpacking the weights for one product."""
_OUTPUTS = 16
"""The number of outputs must be a multiple of this."""


class Int4(msgspec.Struct):
    """Weights in the kernel's own order."""

    packed: torch.Tensor
    scales_and_zeros: torch.Tensor
    """bfloat16, shape (groups, out, 2)."""
    group: int
    order: torch.Tensor | None
    """Which input comes where, int64 of shape (in); None: as they are."""

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.packed.nbytes + self.scales_and_zeros.nbytes


def kernel_group(group_size: int, inputs: int, outputs: int) -> int | None:
    """The kernel's group size for weights whose groups have `group_size` inputs; None where it can't compute them."""
    there = hasattr(torch, "_weight_int4pack_mm_for_cpu")
    if not there or outputs % _OUTPUTS or inputs % group_size:
        return None
    return next((size for size in GROUPS if group_size % size == 0), None)


def pack(
    words: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor, group: int, order: torch.Tensor | None
) -> Int4:
    """`words` int32 (in / 8, out) as GPTQ packs them; `scales` and `zeros` of shape (groups, out), in the order their
    inputs have after `order`; `group` from `kernel_group`."""
    shifts = torch.arange(0, 32, 4, dtype=torch.int32)
    # The words are turned before they are unpacked, while they are an eighth.
    q = (words.T.contiguous().unsqueeze(2) >> shifts).bitwise_and_(15).view(words.shape[1], -1)
    if order is not None:
        q = q.index_select(1, order)
    scales, zeros = scales.float(), zeros.float()
    pairs = torch.stack([scales, (8 - zeros) * scales], dim=-1)
    pairs = pairs.repeat_interleave(q.shape[1] // group // pairs.shape[0], dim=0).to(torch.bfloat16)
    packed = torch._convert_weight_to_int4pack_for_cpu(q, 1)
    return Int4(packed, pairs.contiguous(), group, order)


def multiply(x: torch.Tensor, weights: Int4) -> torch.Tensor:
    """x W^T of shape (rows, out) for bfloat16 `x` of shape (rows, in)."""
    if weights.order is not None:
        x = x.index_select(1, weights.order)
    return torch._weight_int4pack_mm_for_cpu(x.contiguous(), weights.packed, weights.group, weights.scales_and_zeros)
