"""Reads packed GPTQ tensors one integer at a time, from the format's description; shares no code with the packer.

Input numbers run inside an int32 from its lowest bit on. With 3 bits, 32 integers lie in three words: ten in the first,
the eleventh across the first (2 bits) and the second (1), ten in the second, the 22nd across the second (1 bit) and the
third (2), ten in the third.
"""

from __future__ import annotations

import torch


def unpack(words: list[int], bits: int) -> list[int]:
    """The integers in a row of int32 words."""
    unsigned = [word % 2**32 for word in words]
    if bits == 3:
        return [value for start in range(0, len(words), 3) for value in _three(*unsigned[start : start + 3])]
    return [word // 2**shift % 2**bits for word in unsigned for shift in range(0, 32, bits)]


def _three(first: int, second: int, third: int) -> list[int]:
    low = [first // 8**place % 8 for place in range(10)]
    eleventh = first // 2**30 + second % 2 * 4
    middle = [second // 2 // 8**place % 8 for place in range(10)]
    twentysecond = second // 2**31 + third % 4 * 2
    high = [third // 4 // 8**place % 8 for place in range(10)]
    return [*low, eleventh, *middle, twentysecond, *high]


def read_codes(tensors: dict[str, torch.Tensor], bits: int) -> torch.Tensor:
    """(in, out)."""
    columns = tensors["qweight"].T.tolist()
    return torch.tensor([unpack(column, bits) for column in columns]).T


def read_zeros(tensors: dict[str, torch.Tensor], bits: int) -> torch.Tensor:
    """(groups, out), with the one that the first layout takes away."""
    return torch.tensor([unpack(row, bits) for row in tensors["qzeros"].tolist()]) + 1


def read_weight(tensors: dict[str, torch.Tensor], bits: int) -> torch.Tensor:
    """(out, in) float32."""
    codes, zeros, scales = read_codes(tensors, bits), read_zeros(tensors, bits), tensors["scales"].float()
    rows = [(codes[i] - zeros[group]) * scales[group] for i, group in enumerate(tensors["g_idx"].tolist())]
    return torch.stack(rows).T
