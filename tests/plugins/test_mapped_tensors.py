"""An adapter's tensors as views of its file: the same as the library reads, and the file is never written to."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from desktop.api.checkpoints import read_safetensors_header
from loader_kit.mapped_tensors import map_tensors

KINDS = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.bool)


def mapped(path):
    return map_tensors(path, read_safetensors_header(path))


def test_every_tensor_is_what_the_library_reads(tmp_path):
    path = tmp_path / "a.safetensors"
    torch.manual_seed(0)
    made = {f"t{number}": (torch.randn(3, number + 1) * 4).to(kind) for number, kind in enumerate(KINDS)}
    save_file(made | {"one": torch.ones(())}, path, metadata={"by": "a test"})
    ours, theirs = mapped(path), load_file(path)
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype
        assert torch.equal(ours[name], tensor)


def test_writing_to_a_tensor_leaves_the_file_alone(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.ones(4, 4)}, path)
    before = path.read_bytes()
    mapped(path)["x"].zero_()
    assert path.read_bytes() == before


def test_tensors_outlive_the_name_of_their_file(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.arange(6.0)}, path)
    tensors = mapped(path)
    path.unlink()
    assert tensors["x"].tolist() == [0, 1, 2, 3, 4, 5]


def written(path, table, data):
    header = json.dumps(table).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


def test_numbers_at_odd_places_are_read_by_the_library(tmp_path):
    table = {
        "flag": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
        "x": {"dtype": "F32", "shape": [2], "data_offsets": [1, 9]},
    }
    path = written(tmp_path / "a.safetensors", table, b"\x07" + torch.tensor([1.5, -2.0]).numpy().tobytes())
    assert mapped(path)["x"].tolist() == [1.5, -2.0]


def test_tensors_that_share_bytes_are_refused_as_the_library_refuses_them(tmp_path):
    row = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    path = written(tmp_path / "a.safetensors", {"x": row, "y": row}, b"\0" * 8)
    with pytest.raises(SafetensorError):
        mapped(path)
