"""Packs integers into the int32 words of a GPTQ checkpoint, as AutoGPTQ's first layout has it.

The integers of one row or column stand one after the other in a stream of bits, lowest bit first, which is cut into
words of 32: for 3 bits the eleventh integer lies across the first and the second word.
`qweight` (in * bits / 32, out): the streams run down the inputs. `qzeros` (groups, out * bits / 32): they run along the
outputs, and hold the zero points minus one.
"""

from __future__ import annotations

import torch
from torch import nn

from desktop.api import Unsupported

from .scheme import Quantised, Scheme

PER_PACK = 32
"""So many integers always come to whole words."""


def pack(quantised: Quantised, bits: int) -> dict[str, torch.Tensor]:
    """The tensors of one linear, without its bias: qweight, qzeros, scales, g_idx."""
    zeros = quantised.zeros.to(torch.int64) - 1
    return {
        "qweight": pack_rows(quantised.codes, bits),
        "qzeros": pack_rows(zeros.T, bits).T.contiguous(),
        "scales": quantised.scales.contiguous(),
        "g_idx": quantised.group_index.contiguous(),
    }


def pack_rows(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Integers (n, m) from 0 to 2^bits - 1 as int32 (n * bits / 32, m); n is a multiple of 32."""
    rows, columns = values.shape
    packs = values.to(torch.int64).reshape(rows // PER_PACK, PER_PACK, columns)
    words = torch.zeros(rows // PER_PACK, bits, columns, dtype=torch.int64)
    for place in range(PER_PACK):
        word, shift = divmod(place * bits, 32)
        words[:, word] |= packs[:, place] << shift
        if shift + bits > 32:
            words[:, word + 1] |= packs[:, place] >> (32 - shift)
    words &= 2**32 - 1
    # The same 32 bits, read as signed.
    words = torch.where(words >= 2**31, words - 2**32, words)
    return words.reshape(rows // PER_PACK * bits, columns).to(torch.int32)


def refuse_odd_sizes(linears: dict[str, nn.Linear]) -> None:
    """Raises Unsupported for a linear whose sizes come to no whole words."""
    for name, linear in linears.items():
        if linear.in_features % PER_PACK or linear.out_features % PER_PACK:
            raise Unsupported(
                f"{name} has {linear.in_features} inputs and {linear.out_features} outputs. The GPTQ format needs "
                f"multiples of {PER_PACK}, so this model can't be quantised."
            )


def packed_bytes(linear: nn.Linear, scheme: Scheme) -> int:
    """What `pack` makes of a linear of this size."""
    inputs, outputs = linear.in_features, linear.out_features
    groups = scheme.groups(inputs)
    return (inputs * outputs + groups * outputs) * scheme.bits // 8 + groups * outputs * 2 + inputs * 4
