"""Adapters that are broken or incomplete are listed, with the reason."""

import json
import os
import sys

import msgspec
import pytest

from desktop.library.adapters import list_adapters
from desktop.library.settings import Settings
from tests.library.making import make_adapter, write_json

NONE = Settings()


def only(home):
    (entry,) = list_adapters(home, NONE)
    return entry


def problem(home):
    entry = only(home)
    assert entry.path.startswith(str(home.loras))
    return entry.problem


def test_a_file_cut_short_says_how_much_is_missing(home):
    make_adapter(home.loras / "a", cut=5)
    assert problem(home) == (
        "adapter_model.safetensors is cut short: 5 bytes are missing at its end. Download the adapter again."
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "adapter_model.safetensors is empty."),
        (b"\x08\0\0", "not a whole safetensors file (3 bytes)"),
        (b"\xff" * 3000, "not a whole safetensors file (3000 bytes)"),
        (b"\x04" + bytes(7) + b"nope" + bytes(2000), "is no safetensors file: its header can't be read"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "only git's pointer to the weights"),
        (b"<html>Entry not found</html>" + bytes(2000), "not a whole safetensors file"),
    ],
)
def test_broken_weights_are_told(home, content, words):
    (make_adapter(home.loras / "a") / "adapter_model.safetensors").write_bytes(content)
    assert words in problem(home)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "adapter_config.json can't be read"),
        (b'{"r": 8', "adapter_config.json can't be read"),
        (b"\xff\xfe\xfa", "adapter_config.json can't be read"),
        (b"[1]", "should hold a JSON object"),
        (b"[" * 100_000, "can't be read"),
        (b'{"r": "8", "lora_alpha": 16}', "makes no sense: rank '8', alpha 16"),
        (b'{"r": true, "lora_alpha": 16}', "makes no sense: rank True"),
        (b'{"r": 0, "lora_alpha": 16}', "makes no sense: rank 0"),
        (b'{"r": 8, "lora_alpha": NaN}', "makes no sense: rank 8, alpha nan"),
        (b'{"r": 8, "lora_alpha": 1e999}', "makes no sense"),
        (b'{"r": 8, "lora_alpha": 1' + b"0" * 400 + b"}", "makes no sense"),
        (b'{"r": 8, "lora_alpha": 16, "rank_pattern": {"q": -1}}', "makes no sense"),
        (b"{}", "makes no sense: rank None, alpha None"),
    ],
)
def test_broken_configurations_are_told_and_can_be_sent_on(home, content, words):
    (make_adapter(home.loras / "a") / "adapter_config.json").write_bytes(content)
    assert words in problem(home)
    assert msgspec.json.encode(list_adapters(home, NONE))


def test_text_from_the_file_that_is_no_unicode_can_be_sent_on(home):
    folder = make_adapter(home.loras / "a")
    config = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": "x\ud800y"}
    write_json(folder / "adapter_config.json", config | {"target_modules": ["\udfff"], "peft_type": "\ud800"})
    entry = msgspec.json.decode(msgspec.json.encode(only(home)))
    assert (entry["base_model"], entry["target_modules"], entry["kind"]) == ("x?y", ["?"], "?")


def test_folders_without_something_are_told(home):
    (home.loras / "empty").mkdir(parents=True)
    (make_adapter(home.loras / "no config") / "adapter_config.json").unlink()
    (make_adapter(home.loras / "no weights") / "adapter_model.safetensors").unlink()
    (make_adapter(home.loras / "weights a folder") / "adapter_model.safetensors").unlink()
    (home.loras / "weights a folder" / "adapter_model.safetensors").mkdir()
    make_adapter(home.loras / "config a folder")
    (home.loras / "config a folder" / "adapter_config.json").unlink()
    (home.loras / "config a folder" / "adapter_config.json").mkdir()
    problems = {entry.name: entry.problem for entry in list_adapters(home, NONE)}
    missing = "There is no adapter_config.json in it, so it is no adapter, or not a whole one."
    assert problems == {
        "empty": missing,
        "no config": missing,
        "config a folder": missing,
        "no weights": "It has no weights: neither adapter_model.safetensors nor adapter_model.bin. "
        "Download the adapter again.",
        "weights a folder": "adapter_model.safetensors is not a file. Download the adapter again.",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no text")
def test_a_name_that_is_no_text_is_told(home):
    make_adapter(home.loras / os.fsdecode(b"caf\xe9"))
    assert only(home).name == "caf?"
    assert "Rename it" in only(home).problem
    assert msgspec.json.encode(only(home))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions don't bind this user")
def test_a_folder_without_permission_is_told(home):
    folder = make_adapter(home.loras / "a")
    folder.chmod(0)
    try:
        assert problem(home) == "It can't be read (Permission denied). Look at its permissions."
    finally:
        folder.chmod(0o755)
