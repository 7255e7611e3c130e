"""Takes the integers out of GPTQ's int32 words.

A word holds its integers lowest bits first. With 2, 4 and 8 bits, 32 / bits of them fill it; with 3 bits, three words
hold 32: ten whole ones, two bits of the eleventh in the first word and its last in the second, ten more, one bit of the
twenty-second and its other two in the third, and ten more.
"""

from __future__ import annotations

from typing import Literal

import torch

BITS = (2, 3, 4, 8)
"""Bits of a weight that can be unpacked."""

ZeroConvention = Literal["exact", "plus_one", "plus_one_masked", "plus_one_carried"]
"""How a stored zero point is read: as it is (gptq_v2); one more, so that 15 means 16 in 4 bits (GPTQ-for-LLaMa); one
more within its bits, so that 15 means 0 (AutoGPTQ); or after a number was added to the whole word, with what carries
over into the next integer (GPTQModel, which takes the same number off when it writes)."""

_CARRIED = {
    2: (0x55555555,),
    3: (0x24924924, 0x92492492, 0x49249249),
    4: (0x11111111,),
    8: (0x01010101,),
}
"""What GPTQModel adds to a word of zero points; with 3 bits, to the first, second and third of every three."""


def unpack_rows(words: torch.Tensor, bits: int) -> torch.Tensor:
    """int32 words of shape (rows, out) as int32 integers of shape (rows * 32 / bits, out), unsigned."""
    words = words.contiguous()  # a block of outputs: an eighth of what comes out, in 4 bits
    if bits == 3:
        return _unpack_three(words)
    mask = (1 << bits) - 1
    shifts = torch.arange(0, 32, bits, dtype=torch.int32, device=words.device)
    # The shift keeps the sign; the mask takes it off again, since no integer is wider than it.
    found = (words.unsqueeze(1) >> shifts[:, None]).bitwise_and_(mask)
    return found.reshape(-1, words.shape[1])


def unpack_zeros(words: torch.Tensor, bits: int, convention: ZeroConvention) -> torch.Tensor:
    """Packed zero points of shape (groups, out * bits / 32) as int32 of shape (groups, out)."""
    mask = (1 << bits) - 1
    if convention == "plus_one_carried":
        words = _carried(words, bits)
    stored = unpack_rows(words.T, bits).T
    if convention in {"exact", "plus_one_carried"}:
        return stored
    return stored + 1 if convention == "plus_one" else (stored + 1) & mask


def _carried(words: torch.Tensor, bits: int) -> torch.Tensor:
    added = torch.tensor(_CARRIED[bits], dtype=torch.int64, device=words.device)
    columns = torch.arange(words.shape[1], device=words.device) % len(added)
    total = (words.to(torch.int64) + added[columns]) & 0xFFFFFFFF
    return torch.where(total >= 1 << 31, total - (1 << 32), total).to(torch.int32)


def _unpack_three(words: torch.Tensor) -> torch.Tensor:
    first, second, third = (words[start::3] for start in range(3))
    ten = 3 * torch.arange(10, dtype=torch.int32, device=words.device)[:, None]

    def whole(word: torch.Tensor, start: int) -> torch.Tensor:
        return (word.unsqueeze(1) >> (start + ten)) & 7

    eleventh = ((first >> 30) & 3) | ((second & 1) << 2)
    twenty_second = ((second >> 31) & 1) | ((third & 3) << 1)
    parts = [whole(first, 0), eleventh[:, None], whole(second, 1), twenty_second[:, None], whole(third, 2)]
    return torch.cat(parts, dim=1).reshape(-1, words.shape[1])
