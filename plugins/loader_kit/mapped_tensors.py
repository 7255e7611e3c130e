"""The tensors of a safetensors file as views of one mapping of it: nothing is read before it is computed with.

The library's own reader makes a storage for every tensor, which for an adapter's hundreds takes longer than reading
them. It still checks the file here; only the views are made without it.
"""

from __future__ import annotations

import mmap
from math import prod
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from desktop.api.checkpoints import TensorHeader

_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


def map_tensors(path: Path, headers: tuple[TensorHeader, ...]) -> dict[str, torch.Tensor]:
    """Every tensor of the file by its name, on the CPU. `headers` is what `read_safetensors_header` found in it.

    The file stays open until the last of them is gone; writing to one changes the tensor and never the file.
    Raises what the library raises: SafetensorError for a file that is none, KeyError for an unknown type.
    """
    if not all(_can_be_viewed(row) for row in headers):
        return load_file(path)
    with safe_open(path, framework="pt"):
        pass  # the library has checked that the tensors fill the file, each its own part
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return {
        row.name: torch.frombuffer(mapped, dtype=_TYPES[row.dtype], count=prod(row.shape), offset=row.offset).view(
            row.shape
        )
        for row in headers
    }


def _can_be_viewed(row: TensorHeader) -> bool:
    """Whether it is of a known type, holds numbers, and lies where the processor reads such numbers well."""
    dtype = _TYPES.get(row.dtype)
    return dtype is not None and row.bytes > 0 and row.offset % dtype.itemsize == 0
