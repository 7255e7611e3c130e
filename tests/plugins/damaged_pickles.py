"""What can be wrong in a .bin: code in the pickle, archives that grow when read, tensors without their numbers."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

NAME = "adapter_model.bin"
MARKER = "executed"
"""The file that the code in these pickles makes beside the weights; it must never be there."""
FACTOR = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
MARKS = b"\x80\x02" + b"(" * 10**6 + b"."


class _Code:
    """Pickles as a call."""

    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call = (call, arguments)

    def __reduce__(self) -> Any:
        return self.call


def _calls(folder: Path) -> dict[str, _Code]:
    marker = str(folder / MARKER)
    return {
        "os.system": _Code(os.system, f"touch '{marker}'"),
        "eval": _Code(eval, f"open({marker!r}, 'w').close()"),
        "exec": _Code(exec, f"open({marker!r}, 'w').close()"),
        "open": _Code(open, marker, "w"),
        "getattr": _Code(getattr, _Code(open, marker, "w"), "close"),
        "torch.load": _Code(torch.load, marker),
        "torch.save": _Code(torch.save, 1, marker),
        "bytearray": _Code(bytearray, 10**11),
    }


CALLS = tuple(_calls(Path()))


def _load(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / NAME, weights_only=True)


def _with_code(name: str, folder: Path) -> None:
    torch.save(_load(folder) | {"x": _calls(folder)[name]}, folder / NAME)


def _with_code_as_key(name: str, folder: Path) -> None:
    torch.save(_load(folder), folder / NAME)
    (folder / NAME).write_bytes(pickle.dumps({"x": _calls(folder)[name]}))


def _old_format_with_code(name: str, folder: Path) -> None:
    torch.save({"x": _calls(folder)[name]}, folder / NAME, _use_new_zipfile_serialization=False)


def _saved(make: Callable[[dict[str, torch.Tensor]], object], folder: Path) -> None:
    torch.save(make(_load(folder)), folder / NAME)


def _one(make: Callable[[torch.Tensor], object], folder: Path) -> None:
    _saved(lambda tensors: tensors | {FACTOR: make(tensors[FACTOR])}, folder)


def _repacked(folder: Path, kind: int, more: int, pickled: bytes = b"") -> None:
    """The same archive, packed by somebody else, with some zeros beside or another pickle."""
    with zipfile.ZipFile(folder / NAME) as archive:
        rows = {row.filename: archive.read(row) for row in archive.infolist()}
    with zipfile.ZipFile(folder / NAME, "w", kind) as archive:
        for name, content in rows.items():
            content = pickled if pickled and name.endswith(".pkl") else content
            archive.writestr(name, content + bytes(more if "/data/0" in name else 0))


def _same_bytes_often(folder: Path) -> None:
    """A directory whose thousand entries all lead to the same bytes."""
    content = (folder / NAME).read_bytes()
    with zipfile.ZipFile(folder / NAME) as archive:
        row = max(archive.infolist(), key=lambda row: row.file_size)
        start = archive.start_dir
    out = io.BytesIO(content)
    with zipfile.ZipFile(out, "a") as archive:
        for number in range(1000):
            twin = zipfile.ZipInfo(f"{row.filename}{number}")
            twin.file_size = twin.compress_size = row.file_size
            twin.header_offset, twin.CRC = row.header_offset, row.CRC
            archive.filelist.append(twin)
        archive._didModify = True
    assert out.tell() > start
    (folder / NAME).write_bytes(out.getvalue())


def _tar(folder: Path) -> None:
    with tarfile.open(folder / "x.tar", "w") as archive:
        archive.add(folder / "adapter_config.json", "../../escaped")
    (folder / "x.tar").replace(folder / NAME)


def _endless(folder: Path) -> None:
    """A pickle that stores and fetches the same thing a million times."""
    (folder / NAME).write_bytes(b"\x80\x02}q\x00" + b"h\x000" * 10**6 + b".")


def _raw(content: bytes, folder: Path) -> None:
    (folder / NAME).write_bytes(content)


def _quantised(value: torch.Tensor) -> torch.Tensor:
    return torch.quantize_per_tensor(value, 0.1, 0, torch.qint8)


REFUSED: dict[str, Callable[[Path], None]] = {
    **{f"with {name}": partial(_with_code, name) for name in CALLS},
    **{f"without an archive, with {name}": partial(_with_code_as_key, name) for name in CALLS},
    **{f"of the old format, with {name}": partial(_old_format_with_code, name) for name in CALLS},
    "that is a list": partial(_saved, lambda tensors: list(tensors.values())),
    "that is a tensor": partial(_saved, lambda tensors: tensors[FACTOR]),
    "that is nested": partial(_saved, lambda tensors: {"state_dict": tensors}),
    "with a number": partial(_saved, lambda tensors: tensors | {"step": 5}),
    "of nothing": partial(_saved, lambda tensors: {}),
    "that repeats one number": partial(_one, lambda value: torch.ones(1).expand(2**20, 2**30)),
    "of sparse tensors": partial(_one, torch.Tensor.to_sparse),
    "of meta tensors": partial(_one, lambda value: value.to("meta")),
    "of complex numbers": partial(_one, lambda value: value + 1j),
    "of whole numbers": partial(_one, torch.Tensor.int),
    "of NaN": partial(_one, lambda value: value * float("nan")),
    "without a factor": partial(_saved, lambda tensors: {k: v for k, v in tensors.items() if k != FACTOR}),
    "that is packed": partial(_repacked, kind=zipfile.ZIP_DEFLATED, more=50 << 20),
    "that holds the same often": _same_bytes_often,
    "that is a tar": _tar,
    "that does nothing for long": _endless,
    "that is empty": partial(_raw, b""),
    "that is cut at once": partial(_raw, b"PK\x03\x04"),
    "with an end only": partial(_raw, b"PK\x03\x04" + bytes(18) + b"PK\x05\x06" + b"\xff" * 18),
    "that asks for a name": partial(_raw, b"\x80\x02cos\nsystem\n."),
    "with many marks": partial(_raw, b"\x80\x02" + b"(" * 10**6 + b"."),
    "with many marks in an archive": lambda folder: _repacked(
        folder, zipfile.ZIP_STORED, 0, b"\x80\x02" + b"(" * 10**6
    ),
    "without a stack": partial(_raw, b"\x80\x02."),
    "with an early end": partial(_raw, b"\x80\x02}"),
}
"""Each leaves a file that must not be attached, and of which nothing may run."""

HARMLESS: dict[str, Callable[[Path], None]] = {
    "of parameters": partial(_one, torch.nn.Parameter),
    "of the old format": lambda folder: torch.save(_load(folder), folder / NAME, _use_new_zipfile_serialization=False),
    "with names that are no text": partial(
        _saved, lambda tensors: tensors | {"\ud800": torch.ones(1), 5: torch.ones(1)}
    ),
    "that repeats one row": partial(_one, lambda value: value[:1].expand(4, 64)),
    "of views": partial(_one, lambda value: torch.cat([value, value])[:4]),
    "of float64": partial(_one, torch.Tensor.double),
}
"""Each leaves an adapter that acts."""
