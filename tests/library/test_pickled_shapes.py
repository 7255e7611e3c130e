"""The shapes in a .bin, against what torch itself wrote; and that nothing in it is ever run."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch

from desktop.api import LoaderError
from desktop.library.pickled_shapes import read_pickled_header

NAME = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


def read(path):
    return {one.name: (one.dtype, one.shape, one.bytes) for one in read_pickled_header(path)}


def save(path, value, **options):
    torch.save(value, path, **options)
    return path


class Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def archive(path, pickled, **entries):
    with zipfile.ZipFile(path, "w") as written:
        written.writestr("archive/data.pkl", pickled)
        for name, content in entries.items():
            written.writestr(f"archive/data/{name}", content)
    return path


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 4}])
def test_shapes_and_types_are_those_torch_saved(tmp_path, options):
    tensors = {
        NAME: torch.zeros(8, 64),
        "half": torch.zeros(3, dtype=torch.float16),
        "brain": torch.zeros(2, 5, 7, dtype=torch.bfloat16),
        "turned": torch.zeros(4, 6).t(),
        "scalar": torch.tensor(1, dtype=torch.int64),
        "parameter": torch.nn.Parameter(torch.zeros(9)),
        "empty": torch.zeros(0, 4),
    }
    assert read(save(tmp_path / "a.bin", tensors, **options)) == {
        NAME: ("F32", (8, 64), 2048),
        "half": ("F16", (3,), 6),
        "brain": ("BF16", (2, 5, 7), 140),
        "turned": ("F32", (6, 4), 96),
        "scalar": ("I64", (), 8),
        "parameter": ("F32", (9,), 36),
        "empty": ("F32", (0, 4), 0),
    }


def test_a_state_dict_and_tensors_that_share_their_numbers(tmp_path):
    whole = torch.zeros(10, 4)
    ordered = OrderedDict(one=whole[:5], other=whole[5:])
    assert read(save(tmp_path / "a.bin", ordered)) == {"one": ("F32", (5, 4), 80), "other": ("F32", (5, 4), 80)}
    assert list(read(save(tmp_path / "b.bin", torch.nn.Linear(3, 2).state_dict()))) == ["weight", "bias"]


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_what_would_run_code_is_named_and_not_run(tmp_path, options):
    path = save(tmp_path / "a.bin", {NAME: torch.zeros(2, 2), "x": Runs(tmp_path / "made")}, **options)
    with pytest.raises(LoaderError, match=r"holds more than tensors \((posix|nt)\.mkdir\), which could run code"):
        read_pickled_header(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cbuiltins\neval\n(V1\ntR.",
        b"(ibuiltins\neval\n.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.",
        b"ccollections\nOrderedDict\n(V1\ntR.",
        b"ctorch\nFloatStorage\n)R.",
        b"ctorch\nFloatStorage\n)\x81.",
        b"]V1\nb.",
    ],
)
def test_instructions_beyond_the_list_are_refused(tmp_path, program):
    with pytest.raises(LoaderError, match="could run code; it was not opened"):
        read_pickled_header(archive(tmp_path / "a.bin", program))


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, "text", {"a": {"b": None}}])
def test_something_else_than_tensors_is_told(tmp_path, value):
    with pytest.raises(LoaderError, match="something else than tensors"):
        read_pickled_header(archive(tmp_path / "a.bin", pickle.dumps(value, protocol=2)))


@pytest.mark.parametrize("content", [b"", b"PK pretended", b"\x80\x02", b"}.", b"." * 9, b"\x80\x02}q\x00." * 3])
def test_a_damaged_file_is_told(tmp_path, content):
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(LoaderError, match="no whole PyTorch file"):
        read_pickled_header(tmp_path / "a.bin")


@pytest.mark.parametrize("program", [b".", b"0.", b"t.", b"(t.", b"h\x05.", b"}(KKKKu.", b"}K\x01K\x01s.", b"VQ\nQ."])
def test_a_damaged_pickle_is_told(tmp_path, program):
    with pytest.raises(LoaderError):
        read_pickled_header(archive(tmp_path / "a.bin", program))


def test_any_cut_is_told(tmp_path):
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        whole = save(tmp_path / "a.bin", {NAME: torch.ones(8, 64)}, **options).read_bytes()
        for length in range(0, len(whole) - 700, 97):
            (tmp_path / "cut.bin").write_bytes(whole[:length])
            with pytest.raises(LoaderError):
                read_pickled_header(tmp_path / "cut.bin")


def test_a_tensor_larger_than_its_numbers_is_told(tmp_path):
    buffer = io.BytesIO()
    torch.save({NAME: torch.ones(8, 8)}, buffer)
    with zipfile.ZipFile(buffer) as written:
        root = written.namelist()[0].partition("/")[0]
        pickled = written.read(f"{root}/data.pkl")
    with pytest.raises(LoaderError, match="no whole"):
        read_pickled_header(archive(tmp_path / "short.bin", pickled, **{"0": bytes(255)}))
    assert read(archive(tmp_path / "whole.bin", pickled, **{"0": bytes(256)}))[NAME] == ("F32", (8, 8), 256)
    with pytest.raises(LoaderError, match="no whole"):
        read_pickled_header(
            archive(tmp_path / "wide.bin", pickled.replace(b"K\x08K\x08", b"K\x08K\x09"), **{"0": bytes(999)})
        )


def test_tuples_of_the_same_tuple_take_no_time(tmp_path):
    program = b"}(" + b")" + b"2\x86" * 5000 + b"K\x01u."
    with pytest.raises(LoaderError):
        read_pickled_header(archive(tmp_path / "a.bin", program))
