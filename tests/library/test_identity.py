"""Hashes of adapters and fingerprints of models: exactly what the documentation says, and the same in any folder."""

import hashlib
import shutil
import struct

import pytest

from desktop.api import LoaderError
from desktop.library.identity import content_hash, fingerprint
from tests.library.making import gguf, make_adapter, make_model, write_json, write_safetensors


def named(file):
    return file.name.encode() + b"\0" + struct.pack("<Q", file.stat().st_size)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize("binary", [False, True])
def test_an_adapter_is_hashed_as_documented(tmp_path, binary):
    folder = make_adapter(tmp_path / "a", binary=binary)
    config, weights = folder / "adapter_config.json", folder / f"adapter_model.{'bin' if binary else 'safetensors'}"
    expected = sha256(named(config), config.read_bytes(), named(weights), weights.read_bytes())
    assert content_hash(folder) == expected


def test_the_folder_and_its_other_files_do_not_matter_and_every_byte_does(tmp_path):
    first = make_adapter(tmp_path / "a")
    second = shutil.copytree(first, tmp_path / "b ü")
    (second / "README.md").write_text("x")
    (second / "adapter_model.bin").write_bytes(b"older")
    assert content_hash(first) == content_hash(second)
    weights = bytearray((second / "adapter_model.safetensors").read_bytes())
    weights[-1] ^= 1
    (second / "adapter_model.safetensors").write_bytes(weights)
    assert content_hash(first) != content_hash(second)
    assert content_hash(first) != content_hash(make_adapter(tmp_path / "c", alpha=17))


def test_bytes_that_move_from_one_file_to_the_other_change_the_hash(tmp_path):
    one, other = make_adapter(tmp_path / "a", binary=True), make_adapter(tmp_path / "b", binary=True)
    for folder, config, weights in ((one, b"12", b"3"), (other, b"1", b"23")):
        (folder / "adapter_config.json").write_bytes(config)
        (folder / "adapter_model.bin").write_bytes(weights)
    assert content_hash(one) != content_hash(other)


def test_an_adapter_without_its_files_is_told(tmp_path):
    with pytest.raises(LoaderError, match="It has no weights"):
        content_hash(tmp_path)
    folder = make_adapter(tmp_path / "a")
    (folder / "adapter_config.json").unlink()
    with pytest.raises(LoaderError, match=r"a can't be read \(No such file or directory: .*adapter_config\.json\)"):
        content_hash(folder)


def test_a_model_has_the_fingerprint_that_is_documented(tmp_path):
    folder = make_model(tmp_path / "m")
    config, weights = folder / "config.json", folder / "model.safetensors"
    data = weights.read_bytes()
    header = data[: 8 + struct.unpack("<Q", data[:8])[0]]
    assert fingerprint(folder) == sha256(named(config), config.read_bytes(), named(weights), header)
    assert fingerprint(weights) == fingerprint(folder), "the file alone names the same model"


def test_names_sizes_headers_and_configuration_matter_and_weights_do_not(tmp_path):
    first = fingerprint(make_model(tmp_path / "1"))
    same = make_model(tmp_path / "2")
    data = bytearray((same / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (same / "model.safetensors").write_bytes(data)
    (same / "README.md").write_text("x")
    assert fingerprint(same) == first
    write_safetensors(same / "model.safetensors", {"other": ("BF16", (74, 64))})
    others = {fingerprint(same), fingerprint(make_model(tmp_path / "3", {"model_type": "x"}))}
    (same / "config.json").unlink()
    others.add(fingerprint(same))
    assert len(others | {first}) == 4


def test_shards_in_any_order_of_the_index(tmp_path):
    prints = set()
    for number, order in enumerate(("ab", "ba")):
        folder = make_model(tmp_path / str(number))
        (folder / "model.safetensors").unlink()
        write_json(
            folder / "model.safetensors.index.json", {"weight_map": {key: f"model-{key}.safetensors" for key in order}}
        )
        for key in order:
            write_safetensors(folder / f"model-{key}.safetensors", {key: ("F32", (2, 2))})
        prints.add(fingerprint(folder))
    assert len(prints) == 1


def test_a_gguf_by_its_beginning_and_a_bin_by_its_name_and_size(tmp_path):
    start = gguf([("general.architecture", 8, b"llama")], tail=bytes(1 << 20))
    file = tmp_path / "m.gguf"
    file.write_bytes(start + b"1")
    assert fingerprint(file) == sha256(named(file), start[: 1 << 20])
    one = fingerprint(file)
    file.write_bytes(start + b"2")
    assert fingerprint(file) == one
    pickled = make_model(tmp_path / "p")
    (pickled / "model.safetensors").unlink()
    (pickled / "pytorch_model.bin").write_bytes(b"123")
    config = pickled / "config.json"
    expected = sha256(named(config), config.read_bytes(), named(pickled / "pytorch_model.bin"))
    assert fingerprint(pickled) == expected


def test_what_can_not_be_read_is_told(tmp_path):
    with pytest.raises(LoaderError, match="can't be read"):
        fingerprint(tmp_path / "gone")
    folder = make_model(tmp_path / "m")
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(LoaderError, match="not a whole safetensors file"):
        fingerprint(folder)
