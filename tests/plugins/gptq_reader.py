"""Reads one GPTQ layer slowly, bit by bit, from the description of the format alone: the tests' independent reader.

Integers of `bits` bits stand one after the other, lowest bits first, in a stream of bits that int32 words cut every 32
bits. For qweight the stream runs down a column (inputs), for qzeros along a row (outputs). Three bits are no exception
to that: their integers cross the words' borders.
"""

from __future__ import annotations

import numpy as np


def integers(words, bits: int) -> list[int]:
    """The integers in a sequence of int32 words."""
    stream = 0
    for place, word in enumerate(words):
        stream |= (int(word) & 0xFFFFFFFF) << (32 * place)
    return [(stream >> (bits * number)) & ((1 << bits) - 1) for number in range(32 * len(words) // bits)]


# What GPTQModel adds to the packed words on reading, which it took off on writing.
ADDED = {
    2: ["01" * 16],
    3: ["001" * 10 + "00", "100" * 10 + "10", "010" * 10 + "01"],
    4: ["0001" * 8],
    8: ["00000001" * 4],
}


def zero_points(row, bits: int, writer: str) -> list[int]:
    """The zero points of one group; `writer` is "v2", "autogptq", "gptqmodel" or "gptq_for_llama"."""
    if writer == "gptqmodel":
        row = [(int(word) + int(ADDED[bits][place % len(ADDED[bits])], 2)) % 2**32 for place, word in enumerate(row)]
    stored = integers(row, bits)
    if writer in {"v2", "gptqmodel"}:
        return stored
    if writer == "autogptq":
        return [(zero + 1) % 2**bits for zero in stored]
    return [zero + 1 for zero in stored]


def read_layer(layer: dict[str, np.ndarray], bits: int, group_size: int, writer: str) -> np.ndarray:
    """The weights, float32 of shape (out, in)."""
    columns = layer["qweight"].T
    outputs, inputs = len(columns), len(layer["qweight"]) * 32 // bits
    weights = np.zeros((outputs, inputs), dtype=np.float32)
    size = inputs if group_size == -1 else group_size
    zeros = [zero_points(row, bits, writer) for row in layer.get("qzeros", ())]
    for output in range(outputs):
        for position, q in enumerate(integers(columns[output], bits)):
            if "zeros" in layer:
                scale, zero = np.float32(layer["scales"][output, 0]), np.float32(layer["zeros"][output, 0])
                weights[output, position] = np.float32(np.float32(q) * scale) - zero
                continue
            group = int(layer["g_idx"][position]) if "g_idx" in layer else position // size
            scale = np.float32(layer["scales"][group, output])
            weights[output, position] = np.float32(q - zeros[group][output]) * scale
    return weights
