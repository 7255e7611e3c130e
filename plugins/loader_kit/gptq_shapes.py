"""What the shapes of packed tensors say: bits, groups, layout. Needs no torch.

A GPTQ layer with `in` inputs, `out` outputs and G groups (the eras of GPTQ-for-LLaMa and of AutoGPTQ after it):
`qweight` int32 (in * bits / 32, out); `scales` (G, out) with `qzeros` int32 (G, out * bits / 32), and later `g_idx`
int32 (in); the first files have `scales` (out, 1) and unpacked `zeros` (out, 1) instead.
An EXL2 layer has `q_weight` int32 (rows, out) with bits that differ from row to row, and `q_invperm` (in).
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from desktop.api import LoaderError
from desktop.api.checkpoints import TensorHeader

Layout = Literal["unknown", "zeros", "qzeros", "g_idx"]
"""By what a layer has beside `qweight` and `scales`: unpacked zeros, packed zeros, or those and a group index."""

BITS = (2, 3, 4, 5, 6, 7, 8)
_INPUT_IS_HIDDEN = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "query_key_value")
"""Layers that take the hidden state, so that its size is their number of inputs."""


class Shapes(msgspec.Struct, frozen=True, kw_only=True):
    """What the packed layers of a checkpoint have in common; None where their shapes don't say."""

    bits: int | None = None
    """Of most layers."""
    mixed: bool = False
    """Whether layers differ in their bits."""
    inputs: int | None = None
    groups: int | None = None
    """Of the layer that was looked at closely."""
    layout: Layout = "unknown"
    group_index: str = ""
    """Name of that layer's group index."""

    @property
    def group_size(self) -> int | None:
        """Inputs in a group, -1 where all are in one."""
        if self.groups == 1:
            return -1
        return -(-self.inputs // self.groups) if self.inputs and self.groups else None

    def has_groups_of(self, size: int) -> bool:
        """Whether groups of that size come to the number there is."""
        if size == -1:
            return self.groups == 1
        return bool(self.inputs and size > 0 and -(-self.inputs // size) == self.groups)


def read_shapes(tensors: Iterable[TensorHeader], hidden_size: int | None = None) -> Shapes | None:
    """What the packed layers say; None where there are none. Raises LoaderError where they make no sense as GPTQ."""
    by_name = {tensor.name: tensor for tensor in tensors}
    layers = [name.removesuffix("qweight") for name in by_name if name.endswith(".qweight")]
    if not layers:
        return None
    embedding = next((tensor for name, tensor in by_name.items() if name.endswith("embed_tokens.weight")), None)
    if embedding is not None and len(embedding.shape) == 2:
        hidden_size = embedding.shape[1]
    counted = Counter(bits for layer in layers if (bits := _bits(layer, by_name, hidden_size)) is not None)
    # A layer without groups may stand among others; the one with the most groups says how they were made.
    layer = max(layers, key=lambda name: _rows(by_name.get(name + "scales")) if name + "zeros" not in by_name else 0)
    packed = by_name[layer + "qweight"]
    bits = counted.most_common(1)[0][0] if counted else None
    if len(packed.shape) != 2 or layer + "scales" not in by_name or (bits is not None and bits not in BITS):
        raise LoaderError(f"{packed.name} is packed in a way this program doesn't know, so it is no GPTQ model.")
    own_bits = _bits(layer, by_name, hidden_size)
    index = by_name.get(layer + "g_idx")
    first_format = layer + "zeros" in by_name
    return Shapes(
        bits=bits,
        mixed=len(counted) > 1,
        inputs=_rows(index) or (32 * packed.shape[0] // own_bits if own_bits else None),
        groups=1 if first_format else _rows(by_name[layer + "scales"]),
        layout="zeros" if first_format else "g_idx" if index else "qzeros",
        group_index=index.name if index else "",
    )


def exl2_bits(tensors: Iterable[TensorHeader]) -> float | None:
    """Average bits of a weight over the EXL2 layers, 0.0 where the shapes don't say; None where there are no such."""
    by_name = {tensor.name: tensor for tensor in tensors}
    packed = [tensor for name, tensor in by_name.items() if name.endswith(".q_weight")]
    if not packed:
        return None
    stored = weights = 0
    for tensor in packed:
        order = by_name.get(tensor.name.removesuffix("q_weight") + "q_invperm")
        if order is not None and len(order.shape) == 1 and len(tensor.shape) == 2:
            stored += 32 * tensor.shape[0] * tensor.shape[1]
            weights += order.shape[0] * tensor.shape[1]
    return stored / weights if weights else 0.0


def is_reordered(files: Sequence[Path], group_index: str, group_size: int) -> bool:
    """Whether the inputs of a layer lie in other groups than their order gives, which is what act-order leaves.

    Reads that one tensor. Raises LoaderError if it can't be read.
    """
    for file in files:
        index = _read_int32(file, group_index)
        if index is not None:
            return any(group != position // group_size for position, group in enumerate(index))
    raise LoaderError(f"{group_index} is in none of the model's files.")


def _bits(layer: str, by_name: dict[str, TensorHeader], hidden_size: int | None) -> int | None:
    packed = by_name[layer + "qweight"]
    zeros, index = by_name.get(layer + "qzeros"), by_name.get(layer + "g_idx")
    if len(packed.shape) != 2 or 0 in packed.shape:
        return None
    if zeros is not None and len(zeros.shape) == 2:
        return 32 * zeros.shape[1] // packed.shape[1]
    inputs: int | None = _rows(index)
    if not inputs and layer.rstrip(".").endswith(_INPUT_IS_HIDDEN):
        inputs = hidden_size
    return 32 * packed.shape[0] // inputs if inputs else None


def _rows(tensor: TensorHeader | None) -> int:
    return tensor.shape[0] if tensor is not None and tensor.shape else 0


def _read_int32(file: Path, name: str) -> tuple[int, ...] | None:
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            row = json.loads(opened.read(length)).get(name)
            if row is None:
                return None
            begin, end = row["data_offsets"]
            opened.seek(8 + length + begin)
            return struct.unpack(f"<{(end - begin) // 4}i", opened.read((end - begin) // 4 * 4))
    except (OSError, ValueError, struct.error) as error:
        raise LoaderError(f"{file} can't be read ({error}). Download it again.") from error
