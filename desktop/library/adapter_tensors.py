"""The numbers in an adapter's safetensors file, as numpy arrays, without torch."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from desktop.api import LoaderError
from desktop.api.checkpoints import ADAPTER_HEADER_LIMIT, read_safetensors_header

Array = npt.NDArray[np.float32]
_TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "F64": "<f8"}
FILE = "adapter_model.safetensors"


def read_adapter_tensors(folder: Path) -> dict[str, Array]:
    """Every tensor by its name, as float32; nothing of a 16-bit number is lost. Raises LoaderError."""
    path = folder / FILE
    if not path.is_file():
        raise LoaderError(
            f"{folder.name} has no {FILE}. Write it as one first: `lora-deck export --lora {folder.name} -o NAME`."
        )
    headers = read_safetensors_header(path, ADAPTER_HEADER_LIMIT)  # checked against the file's size
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LoaderError(f"{path} can't be read ({error.strerror}).") from error
    (length,) = struct.unpack("<Q", data[:8])
    table: dict[str, Any] = json.loads(data[8 : 8 + length])
    found = {}
    for header in headers:
        kind = _TYPES.get(header.dtype)
        if kind is None:
            raise LoaderError(f"{header.name} in {folder.name} holds {header.dtype}, which is no kind of factor.")
        begin = 8 + length + table[header.name]["data_offsets"][0]
        raw = np.frombuffer(data, kind, count=header.bytes // np.dtype(kind).itemsize, offset=begin)
        if header.dtype == "BF16":
            # The upper half of a float32.
            raw = (raw.astype("<u4") << 16).view("<f4")
        found[header.name] = raw.astype(np.float32).reshape(header.shape)
    return found
