"""What can be wrong in a .safetensors: its header, the shapes and types it lists, the numbers themselves."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.plugins import damaged_configs

NAME = "adapter_model.safetensors"
Table = dict[str, Any]


def _split(folder: Path) -> tuple[Table, bytes]:
    content = (folder / NAME).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _write(folder: Path, header: bytes, data: bytes, length: int | None = None) -> None:
    claimed = len(header) if length is None else length
    (folder / NAME).write_bytes(struct.pack("<Q", claimed) + header + data)


def _claim(length: int, folder: Path) -> None:
    table, data = _split(folder)
    _write(folder, json.dumps(table).encode(), data, length)


def _claim_beside(more: int, folder: Path) -> None:
    table, data = _split(folder)
    header = json.dumps(table).encode()
    _write(folder, header, data, len(header) + more)


def _header(header: bytes, folder: Path) -> None:
    _write(folder, header, _split(folder)[1])


def _row(changes: Table, folder: Path) -> None:
    """Say something else about the first factor."""
    table, data = _split(folder)
    key = next(key for key in table if key != "__metadata__")
    table[key] = {field: value for field, value in (table[key] | changes).items() if value is not ...}
    _write(folder, json.dumps(table).encode(), data)


def _table(change: Callable[[Table], Table], folder: Path) -> None:
    table, data = _split(folder)
    _write(folder, json.dumps(change(table)).encode(), data)


def _tensors(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], folder: Path) -> None:
    tensors = {key: value.clone().contiguous() for key, value in change(load_file(folder / NAME)).items()}
    save_file(tensors, folder / NAME)


def _side(letter: str, change: Callable[[torch.Tensor], torch.Tensor], folder: Path) -> None:
    """Change the A or the B of the first module."""

    def work(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        key = next(key for key in sorted(tensors) if f"lora_{letter}" in key)
        return tensors | {key: change(tensors[key])}

    _tensors(work, folder)


def _every(change: Callable[[torch.Tensor], torch.Tensor], folder: Path) -> None:
    _tensors(lambda tensors: {key: change(value) for key, value in tensors.items()}, folder)


def _with(value: float, tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.clone()
    tensor.view(-1)[tensor.numel() // 2] = value
    return tensor


def _sparse(folder: Path) -> None:
    """A header that fits to a file of a hundred gigabytes, which takes no room on the disk."""
    rows, at = {}, 0
    for letter, shape in (("A", [4, 3 << 30]), ("B", [3 << 30, 4])):
        size = 4 * shape[0] * shape[1]
        key = f"base_model.model.model.layers.0.self_attn.q_proj.lora_{letter}.weight"
        rows[key] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    _write(folder, json.dumps(rows).encode(), b"")
    with (folder / NAME).open("r+b") as file:
        file.truncate(file.seek(0, 2) + at)


def _shifted(table: Table) -> Table:
    rows = sorted((key for key in table if key != "__metadata__"), key=lambda key: table[key]["data_offsets"][0])
    begin, end = table[rows[1]]["data_offsets"]
    return table | {rows[1]: table[rows[1]] | {"data_offsets": [begin - 4, end - 4]}}


def _renamed(old: str, new: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.replace(old, new): value for key, value in tensors.items()}


def _without(word: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    gone = next(key for key in sorted(tensors) if word in key)
    return {key: value for key, value in tensors.items() if key != gone}


def _extra(name: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return tensors | {name: torch.ones(4, 4)}


def _dora(change: Callable[[torch.Tensor], torch.Tensor], folder: Path) -> None:
    """A DoRA whose magnitudes are changed."""
    damaged_configs.change(folder, use_dora=True)
    _tensors(
        lambda tensors: (
            tensors
            | {
                key.replace("lora_B.weight", "lora_magnitude_vector"): change(value.norm(dim=1))
                for key, value in tensors.items()
                if "lora_B" in key
            }
        ),
        folder,
    )


KINDS = ("bool", "uint8", "int8", "int16", "int32", "int64", "float8_e4m3fn", "float8_e5m2", "complex64")
REFUSED: dict[str, Callable[[Path], None]] = {
    **{f"claims {length}": partial(_claim, length) for length in (0, 1, 9, 2**31, 2**40, 2**63, 2**64 - 1)},
    **{f"claims {more} more": partial(_claim_beside, more) for more in (-1, 1, 100, -100)},
    **{
        f"is {name}": partial(_header, content)
        for name, content in {
            "nothing": b"", "an empty object": b"{}", "a list": b"[]", "null": b"null", "text": b"x" * 100,
            "huge": b"{}" + b" " * (17 << 20), "large": b"{" + b'"a":{},' * 10**6, "many empty rows":
            json.dumps({f"{n}.lora_A.weight": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
                        for n in range(90_000)}).encode(),
            "nested deeply": b"[" * 10**6, "nested": b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
            "metadata alone": b'{"__metadata__": {"data_offsets": "x"}}', "odd rows": b'{"a": 5, "b": null}',
            "not UTF-8": b'{"\xff": {}}',
        }.items()
    },
    **{f"offsets {offsets}": partial(_row, {"data_offsets": offsets}) for offsets in (
        [0, 2**40], [-4, 1020], [1024, 0], [0, 0], [0.0, 1024.0], ["0", "1024"], [0], [], None, {}, [None, None],
        [0, 1e400], [math.nan, 1024], [0, 2**63], [0, 2**64], [True, 1024], ...,
    )},
    **{f"dtype {dtype}": partial(_row, {"dtype": dtype}) for dtype in (
        "F33", "", None, [], {}, 5, "I32", "F64", "F16", "F8_E8M0", "F4", "C64", "f32", "F6_E2M3", ...,
    )},
    **{f"shape {number}": partial(_row, {"shape": shape}) for number, shape in enumerate((
        [], [256], [64, 4], [4, 64, 1], [1, 4, 64], [-4, -64], [4.0, 64.0], ["4", "64"], "256", [1e400, 1], [0, 64],
        None, {}, [True, 256], [2**64, 1], [10**9] * 20_000, [1] * 9_999 + [256], [math.nan], [256, 1], [2, 128],
        [[4], [64]], 256, ...,
    ))},
    "rows overlap": partial(_table, _shifted),
    "names with surrogates": partial(_table, lambda table: {f"\ud800{key}": row for key, row in table.items()}),
    "a hundred gigabytes": _sparse,
    **{f"{value} in {letter}": partial(_side, letter, partial(_with, value))
       for letter in "AB" for value in (math.nan, math.inf, -math.inf)},
    **{f"numbers of {kind}": partial(_every, lambda value, kind=kind: (value * 99).to(getattr(torch, kind)))
       for kind in KINDS},
    "too large for float32": partial(_every, lambda value: value.double() * 1e200),
    "too large for a product": partial(_every, lambda value: value * 1e25),
    **{f"{letter} transposed": partial(_side, letter, lambda value: value.T) for letter in "AB"},
    **{f"{letter} of one axis": partial(_side, letter, lambda value: value[0]) for letter in "AB"},
    **{f"{letter} of three axes": partial(_side, letter, lambda value: value[:, :, None]) for letter in "AB"},
    **{f"{letter} of no axis": partial(_side, letter, lambda value: value.sum()) for letter in "AB"},
    **{f"{letter} without rows": partial(_side, letter, lambda value: value[:0]) for letter in "AB"},
    **{f"{letter} shorter": partial(_side, letter, lambda value: value[:-1]) for letter in "AB"},
    **{f"{letter} narrower": partial(_side, letter, lambda value: value[:, :-1]) for letter in "AB"},
    **{f"{letter} missing": partial(_tensors, partial(_without, f"lora_{letter}")) for letter in "AB"},
    "convolutions": partial(_every, lambda value: value[:, :, None, None]),
    "embeddings where linears are": partial(
        _tensors, lambda tensors: {key.replace("_A.weight", "_embedding_A").replace("_B.weight", "_embedding_B"): value
                                   for key, value in tensors.items()}
    ),
    "linears where an embedding is": partial(_tensors, lambda tensors: {
        "model.embed_tokens.lora_A.weight": torch.ones(4, 320), "model.embed_tokens.lora_B.weight": torch.ones(64, 4),
    }),
    "factors for a whole block": partial(_tensors, partial(_renamed, ".q_proj.", ".")),
    "two adapters": partial(_tensors, lambda tensors: _renamed(".weight", ".a.weight", tensors)
                            | _renamed(".weight", ".b.weight", tensors)),
    "both with a prefix and without": partial(
        _tensors, lambda tensors: tensors | _renamed("base_model.model.", "", tensors)
    ),
    "magnitudes of one number": partial(_dora, lambda value: value[:1]),
    "magnitudes of NaN": partial(_dora, lambda value: value * math.nan),
    "magnitudes of whole numbers": partial(_dora, torch.Tensor.int),
    "everything zero": partial(_every, torch.zeros_like),
    "no factors": partial(_tensors, partial(_renamed, "lora_", "lorax_")),
}  # fmt: skip
"""Each leaves a file that must not be attached."""

HARMLESS: dict[str, Callable[[Path], None]] = {
    "extra tensors": partial(_tensors, partial(_extra, "unheard_of")),
    "extra names": partial(_tensors, partial(_extra, "🙂\n" * 1000)),
    "extra magnitude": partial(_tensors, partial(_extra, "model.layers.0.mlp.down_proj.lora_magnitude_vector")),
    "extra module": partial(
        _tensors, lambda t: _extra("x.lora_A.weight", _extra("x.lora_B.weight", t))
    ),
    "numbers of float64": partial(_every, torch.Tensor.double),
    "numbers of bfloat16": partial(_every, torch.Tensor.bfloat16),
    "numbers of float16": partial(_every, torch.Tensor.half),
    "small numbers": partial(_every, lambda value: value * 1e-3),
}  # fmt: skip
"""Each leaves an adapter that acts."""
