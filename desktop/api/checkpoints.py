"""Reading what a checkpoint is without torch: its JSON files and the headers of its weight files."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import msgspec

from .errors import LoaderError

HEADER_LIMIT = 100 * 1024 * 1024
"""Largest safetensors header, in bytes, as the format's own reference implementation has it."""
ADAPTER_HEADER_LIMIT = 16 * 1024 * 1024
"""The same for an adapter: a hundred thousand factors, more than any has."""
JSON_LIMIT = 32 * 1024 * 1024
"""Largest JSON file, in bytes. The index of a model with a hundred thousand tensors takes ten million."""
ADAPTER_JSON_LIMIT = 4 * 1024 * 1024
"""The same for an adapter's configuration, whose patterns may name every module."""
_LONGEST_SHAPE = 64

ITEM_SIZE = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
    "U16": 2, "U32": 4, "U64": 8, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip


class TensorHeader(msgspec.Struct, frozen=True):
    """One tensor as a safetensors header lists it."""

    name: str
    dtype: str
    """As safetensors spells it: "BF16", "F32", "I32", ..."""
    shape: tuple[int, ...]
    bytes: int
    offset: int = 0
    """Of its first byte in the file; 0 where that isn't known."""


def read_json(path: Path, limit: int = JSON_LIMIT) -> dict[str, Any]:
    """The object in a JSON file of at most `limit` bytes. Raises LoaderError if there is none or it can't be read."""
    try:
        if path.stat().st_size > limit:
            raise LoaderError(f"{path} is too large ({limit:,} bytes are allowed). Download it again.")
        # Windows' editors put a mark before the text.
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise LoaderError(f"{path.name} is missing in {path.parent}.") from None
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise LoaderError(f"{path} can't be read ({error}). Download it again or restore it from a copy.") from error
    if not isinstance(value, dict):
        raise LoaderError(f"{path} should hold a JSON object but holds something else. Download it again.")
    return value


def read_safetensors_header(path: Path, limit: int = HEADER_LIMIT, *, whole: bool = True) -> tuple[TensorHeader, ...]:
    """The tensors a safetensors file says it holds, checked against the file's size unless `whole` is false.

    Format: eight bytes little-endian length N, N bytes of JSON, then the data (github.com/huggingface/safetensors).
    Raises LoaderError if the file is truncated or is no safetensors file, or its header is longer than `limit`.
    """
    again = "Download it again or restore it from a copy."
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
            if length + 8 > size:
                raise LoaderError(f"{path} is not a whole safetensors file ({size} bytes). {again}")
            if length > limit:
                raise LoaderError(f"{path} lists more than can be read: its header takes {length:,} bytes. {again}")
            table = json.loads(file.read(length))
    except OSError as error:
        raise LoaderError(f"{path} can't be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise LoaderError(f"{path} is not a safetensors file: its header can't be read. {again}") from error
    try:
        headers = tuple(_tensors(table, 8 + length))
        end = max((row["data_offsets"][1] for name, row in table.items() if name != "__metadata__"), default=0)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise LoaderError(f"{path} is not a safetensors file: its header makes no sense. {again}") from error
    if whole and 8 + length + end > size:
        missing = 8 + length + end - size
        raise LoaderError(f"{path} is cut short: {missing:,} bytes are missing at its end. {again}")
    return headers


def _tensors(table: dict[str, Any], start: int) -> Iterator[TensorHeader]:
    for name, row in table.items():
        if name == "__metadata__":
            continue
        name.encode()  # JSON can hold what is no Unicode, and then nobody can be told of it
        begin, end = row["data_offsets"]
        shape = tuple(row["shape"])
        if len(shape) > _LONGEST_SHAPE or not all(type(number) is int for number in (begin, end, *shape)):
            raise ValueError(name)
        dtype, numbers = row["dtype"], prod(shape)
        if (
            begin < 0
            or end < begin
            or min(shape, default=0) < 0
            # No type, known or to come, takes less than a bit.
            or not (numbers * ITEM_SIZE[dtype] == end - begin if dtype in ITEM_SIZE else numbers <= 8 * (end - begin))
        ):
            raise ValueError(name)
        yield TensorHeader(name, dtype, shape, end - begin, start + begin)


def weight_files(folder: Path, stem: str = "model") -> list[Path]:
    """The weight files of a Hugging Face folder, safetensors before .bin, shards in order; empty if there are none.

    Raises LoaderError if an index names a shard that is not there or that would lie outside the folder.
    """
    for name, index in (
        (f"{stem}.safetensors", f"{stem}.safetensors.index.json"),
        ("pytorch_model.bin", "pytorch_model.bin.index.json"),
    ):
        if (folder / index).is_file():
            return _shards(folder, index)
        if (folder / name).is_file():
            return [folder / name]
    return []


def _shards(folder: Path, index: str) -> list[Path]:
    weight_map = read_json(folder / index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise LoaderError(f"{folder / index} lists no weights. Download it again.")
    names = sorted({str(name) for name in weight_map.values()})
    for name in names:
        if Path(name).name != name or name in {".", ".."}:
            raise LoaderError(f"{folder / index} names a file outside its folder ({name}). Don't use this model.")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise LoaderError(f"{missing[0]}{more} of {len(names)} weight files is missing in {folder}. Download it again.")
    return [folder / name for name in names]
