"""Reading headers without torch: what is whole is read, what is not is refused in words that name the file."""

from __future__ import annotations

import json
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.api import LoaderError
from desktop.api.checkpoints import (
    HEADER_LIMIT,
    ITEM_SIZE,
    TensorHeader,
    read_json,
    read_safetensors_header,
    weight_files,
)


def safetensors(table, data=b"", length=None):
    header = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype="F32", shape=(2, 3), offsets=(0, 24), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


@pytest.fixture
def file(tmp_path):
    """A file with these bytes."""

    def write(content, name="model.safetensors"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def test_a_whole_file(file):
    table = {
        "__metadata__": {"format": "pt"},
        "a.weight": tensor("BF16", (2, 3), (0, 12)),
        "b": tensor("I32", (), (12, 16)),
        "empty": tensor("F32", (0, 5), (16, 16)),
    }
    path = file(safetensors(table, bytes(16)))
    data = path.stat().st_size - 16
    assert read_safetensors_header(path) == (
        TensorHeader("a.weight", "BF16", (2, 3), 12, data),
        TensorHeader("b", "I32", (), 4, data + 12),
        TensorHeader("empty", "F32", (0, 5), 0, data + 16),
    )


def test_a_file_without_tensors(file):
    assert read_safetensors_header(file(safetensors({}))) == ()


def test_a_padded_header_as_the_format_allows(file):
    header = json.dumps({"a": tensor()}).encode() + b"   "
    assert len(read_safetensors_header(file(safetensors(header, bytes(24))))) == 1


def test_a_type_of_the_future_is_taken_at_its_word(file):
    (header,) = read_safetensors_header(file(safetensors({"a": tensor("F4", (2, 3), (0, 3))}, bytes(3))))
    assert header == TensorHeader("a", "F4", (2, 3), 3, header.offset)


def test_what_the_real_library_writes(file):
    numpy = pytest.importorskip("numpy")
    save = pytest.importorskip("safetensors.numpy").save
    arrays = {"x": numpy.zeros((3, 4), "float16"), "y": numpy.arange(5, dtype="int64")}
    headers = read_safetensors_header(file(save(arrays)))
    assert {h.name: (h.dtype, h.shape, h.bytes) for h in headers} == {"x": ("F16", (3, 4), 24), "y": ("I64", (5,), 40)}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a whole safetensors file"),
        (b"\x10\x00\x00", "not a whole safetensors file"),
        (safetensors({"a": tensor()})[:20], "not a whole safetensors file"),
        (safetensors(b"{}", length=HEADER_LIMIT + 1), "not a whole safetensors file"),
        (safetensors(b"{}", length=2**64 - 1), "not a whole safetensors file"),
        (b"PK\x03\x04" + bytes(100), "not a whole safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "not a whole safetensors file"),
        (safetensors(b"{not json}"), "header can't be read"),
        (safetensors(b"\xff\xfe{}"), "header can't be read"),
        (safetensors(b"[" * 100_000), "header can't be read"),
        (safetensors({"a": tensor()}, bytes(23)), "cut short: 1 bytes are missing"),
        (safetensors({"a": tensor(offsets=(10**12, 10**12 + 24))}, bytes(24)), "cut short"),
        (safetensors({"a": tensor(offsets=(24, 0))}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(offsets=(-24, 0))}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(offsets=(0, 20))}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(offsets=(0, 12, 24))}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(shape=(-2, -3))}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(shape=("two", 3))}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(shape=(2.0, 3))}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(shape=(1e400, 3))}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(shape=[10**9] * 10_000)}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(dtype="F2", shape=(2**40, 2**40))}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(offsets=(0.0, 24.0))}, bytes(24)), "makes no sense"),
        (safetensors({"a\ud800": tensor()}, bytes(24)), "makes no sense"),
        (safetensors({"a": tensor(dtype=["F32"])}, bytes(24)), "makes no sense"),
        (safetensors({"a": {"dtype": "F32"}}), "makes no sense"),
        (safetensors({"a": 7}), "makes no sense"),
        (safetensors([1, 2]), "makes no sense"),
        (safetensors("text"), "makes no sense"),
    ],
)
def test_what_is_not_whole_is_refused_by_name(file, content, words):
    path = file(content)
    with pytest.raises(LoaderError) as refused:
        read_safetensors_header(path)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)


@given(st.binary(max_size=300))
def test_garbage_is_a_loader_error_or_a_header_and_nothing_worse(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "garbage.safetensors"
    path.write_bytes(struct.pack("<Q", len(data)) + data)
    try:
        read_safetensors_header(path)
    except LoaderError:
        pass


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.floats(),
        lambda x: (
            st.lists(x) | st.dictionaries(st.sampled_from(["a", "dtype", "shape", "data_offsets", "__metadata__"]), x)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_loader_error_or_a_header(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "odd.safetensors"
    path.write_bytes(safetensors(value))
    try:
        read_safetensors_header(path)
    except LoaderError:
        pass


def test_a_file_that_is_not_there_and_a_folder(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(LoaderError, match="can't be read"):
            read_safetensors_header(path)


def test_the_size_of_every_type_the_format_has():
    assert set(ITEM_SIZE.values()) == {1, 2, 4, 8}
    for name, size in ITEM_SIZE.items():
        digits = "".join(c for c in name.split("_")[0] if c.isdigit())
        assert size == (int(digits) // 8 if digits else 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "can't be read"),
        (b"\xff\xfe", "can't be read"),
        (b"[" * 100_000, "can't be read"),
        (b"[1]", "something else"),
        (b"null", "something else"),
        (b"", "can't be read"),
    ],
)
def test_json_that_is_no_object_is_refused_by_name(file, content, words):
    path = file(content, "config.json")
    with pytest.raises(LoaderError, match=r"config\.json") as refused:
        read_json(path)
    assert words in str(refused.value)


def test_json_that_is_too_large_is_not_read(file):
    with pytest.raises(LoaderError, match=r"is too large \(10 bytes are allowed\)"):
        read_json(file(b"{}" + b" " * 9, "config.json"), limit=10)


def test_a_header_beyond_a_limit_is_not_read(file):
    with pytest.raises(LoaderError, match="its header takes 9 bytes"):
        read_safetensors_header(file(safetensors(b"{}" + b" " * 7)), limit=8)


def test_a_mark_before_the_text_is_passed_over(file):
    assert read_json(file(b'\xef\xbb\xbf{"r": 8}', "config.json")) == {"r": 8}


def test_json_that_is_not_there_says_where(tmp_path):
    with pytest.raises(LoaderError, match=r"config\.json is missing in "):
        read_json(tmp_path / "config.json")


def index(*names):
    return {"weight_map": {f"layer.{n}": name for n, name in enumerate(names)}}


SHARDS = ("model-2-of-2.safetensors", "model-1-of-2.safetensors")


def write(folder, **files):
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content) if isinstance(content, dict) else content)


def test_safetensors_come_before_bin_and_an_index_before_a_single_file(tmp_path):
    assert weight_files(tmp_path) == []
    write(tmp_path, **{"pytorch_model.bin": ""})
    assert weight_files(tmp_path) == [tmp_path / "pytorch_model.bin"]
    write(tmp_path, **{"model.safetensors": ""})
    assert weight_files(tmp_path) == [tmp_path / "model.safetensors"]
    write(tmp_path, **dict.fromkeys(SHARDS, ""), **{"model.safetensors.index.json": index(*SHARDS, SHARDS[0])})
    assert weight_files(tmp_path) == [tmp_path / name for name in sorted(SHARDS)]


def test_another_stem(tmp_path):
    write(tmp_path, **{"gptq_model-4bit-128g.safetensors": ""})
    assert weight_files(tmp_path, "gptq_model-4bit-128g") == [tmp_path / "gptq_model-4bit-128g.safetensors"]
    assert weight_files(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    ["../secret.safetensors", "/etc/passwd", "sub/model.safetensors", "..", ".", "../../x"]
    + (["..\\secret.safetensors", "C:\\x"] if sys.platform == "win32" else []),
)
def test_an_index_that_names_a_file_outside_is_refused_though_the_file_is_there(tmp_path, name):
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    write(tmp_path, **{"secret.safetensors": ""})
    write(model / "sub", **{"model.safetensors": ""})
    write(model, **{"model.safetensors.index.json": index(name)})
    with pytest.raises(LoaderError, match="names a file outside its folder"):
        weight_files(model)


@pytest.mark.parametrize(
    ("present", "words"),
    [
        ((), "model-1-of-2.safetensors and 1 more of 2 weight files"),
        (SHARDS[:1], "model-1-of-2.safetensors of 2 weight files"),
    ],
)
def test_missing_shards_are_named(tmp_path, present, words):
    write(tmp_path, **dict.fromkeys(present, ""), **{"model.safetensors.index.json": index(*SHARDS)})
    with pytest.raises(LoaderError) as refused:
        weight_files(tmp_path)
    assert words in str(refused.value)


@pytest.mark.parametrize("content", [{}, {"weight_map": {}}, {"weight_map": ["a"]}, {"weight_map": "a"}])
def test_an_index_that_lists_nothing_is_refused(tmp_path, content):
    write(tmp_path, **{"pytorch_model.bin.index.json": content})
    with pytest.raises(LoaderError, match="lists no weights"):
        weight_files(tmp_path)


@pytest.mark.parametrize("name", ["", "a\0b", 7, None, ["x"]])
def test_an_index_with_names_that_are_none(tmp_path, name):
    write(tmp_path, **{"model.safetensors.index.json": {"weight_map": {"a": name}}})
    with pytest.raises(LoaderError, match=r"missing|outside"):
        weight_files(tmp_path)
