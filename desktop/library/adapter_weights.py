"""Finds the weights of an adapter and sees whether they are whole, quickly enough for a thousand of them."""

from __future__ import annotations

import stat
import struct
from pathlib import Path

import msgspec

from desktop.api import LoaderError
from desktop.api.checkpoints import ADAPTER_HEADER_LIMIT, TensorHeader, read_safetensors_header

from .pickled_shapes import read_pickled_header
from .places import is_lfs_pointer

_NAMES = ("adapter_model.safetensors", "adapter_model.bin")
"""In the order in which loaders look for them."""
_AGAIN = "Download the adapter again."


class BrokenAdapter(Exception):  # it is what the adapter is, told to the user
    """The adapter can't be used as it stands; the message says why."""


class _Row(msgspec.Struct):
    # Not desktop.api.checkpoints.TensorHeader: checking every shape takes five times as long as all else together,
    # and the loader does it anyway before it attaches.
    data_offsets: tuple[int, int] = (0, 0)


_header = msgspec.json.Decoder(dict[str, _Row])


def find_weights(folder: Path) -> tuple[str, int]:
    """What the weights file ends in, and its size. Raises BrokenAdapter if it is missing or not whole, or OSError."""
    for name in _NAMES:
        path = folder / name
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode):
            raise BrokenAdapter(f"{name} is not a file. {_AGAIN}")
        if status.st_size == 0:
            raise BrokenAdapter(f"{name} is empty. {_AGAIN}")
        if is_lfs_pointer(path, status.st_size):
            raise BrokenAdapter(f"{name} is only git's pointer to the weights. Run `git lfs pull`, or download it.")
        if path.suffix == ".safetensors":
            _check_whole(path, status.st_size)
        return path.suffix, status.st_size
    raise BrokenAdapter(f"It has no weights: neither {_NAMES[0]} nor {_NAMES[1]}. {_AGAIN}")


def read_adapter_header(folder: Path) -> tuple[TensorHeader, ...]:
    """The tensors an adapter's weights file says it holds, of a `.bin` too. Raises LoaderError if it can't be read."""
    for name in _NAMES:
        if (path := folder / name).is_file():
            if path.suffix == ".safetensors":
                return read_safetensors_header(path, ADAPTER_HEADER_LIMIT)
            return read_pickled_header(path)
    raise LoaderError(f"It has no weights: neither {_NAMES[0]} nor {_NAMES[1]}. {_AGAIN}")


def _check_whole(path: Path, size: int) -> None:
    with path.open("rb", buffering=0) as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
        if 8 + length > size:
            raise BrokenAdapter(f"{path.name} is not a whole safetensors file ({size} bytes). {_AGAIN}")
        if length > ADAPTER_HEADER_LIMIT:
            raise BrokenAdapter(f"{path.name} lists more tensors than any adapter has. {_AGAIN}")
        header = file.read(length)
    try:
        rows = _header.decode(header)
    except (ValueError, RecursionError):
        raise BrokenAdapter(f"{path.name} is no safetensors file: its header can't be read. {_AGAIN}") from None
    missing = 8 + length + max((row.data_offsets[1] for row in rows.values()), default=0) - size
    if missing > 0:
        raise BrokenAdapter(f"{path.name} is cut short: {missing:,} bytes are missing at its end. {_AGAIN}")
