"""Models that are broken or incomplete are listed, with the reason."""

import os

import msgspec
import pytest

from desktop.library.models import list_models
from desktop.library.settings import Settings
from tests.library.making import make_model, write_json

NONE = Settings()


def only(home):
    (entry,) = list_models(home, NONE)
    return entry


def problems(home):
    return {entry.name: entry.problem for entry in list_models(home, NONE)}


def test_what_is_incomplete_is_told(home):
    (make_model(home.models / "no config") / "config.json").unlink()
    (make_model(home.models / "no weights") / "model.safetensors").unlink()
    (make_model(home.models / "no tokenizer") / "tokenizer.json").unlink()
    (home.models / "empty").mkdir()
    write_json(home.models / "adapter" / "adapter_config.json", {"r": 8})
    found = problems(home)
    models = home.models
    assert found == {
        "no config": f"There is no config.json in {models / 'no config'}, so nobody can say what the model is.",
        "no weights": f"There are no weights in {models / 'no weights'}. Download the model again.",
        "no tokenizer": f"There is no tokenizer in {models / 'no tokenizer'}. Download the model again, or copy "
        "tokenizer.json from where it came.",
        "empty": f"There is no config.json in {models / 'empty'}, so nobody can say what the model is.",
        "adapter": "This is a LoRA adapter, not a base model. Move it to the folder of the adapters.",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "only git's pointer to the weights"),
        (b"garbage" * 1000, "is not a whole safetensors file (7000 bytes)"),
        (b"\x02" + bytes(7) + b"{}", ""),
        (b"\x02" + bytes(7) + b"[]", "its header makes no sense"),
    ],
)
def test_broken_weights_are_told(home, content, words):
    (make_model(home.models / "m") / "model.safetensors").write_bytes(content)
    assert words in only(home).problem
    assert bool(words) == bool(only(home).problem)


def test_weights_cut_short_are_told(home):
    folder = make_model(home.models / "m")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-7])
    assert "is cut short: 7 bytes are missing at its end" in only(home).problem


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xff"])
def test_a_broken_configuration_is_told(home, content):
    (make_model(home.models / "m") / "config.json").write_bytes(content)
    assert "config.json" in only(home).problem


def test_a_stranger_configuration_can_be_sent_on(home):
    strange = {"architectures": ["\ud800"], "torch_dtype": {"a": 1}, "quantization_config": {"quant_method": "\udfff"}}
    make_model(home.models / "m", strange)
    entry = msgspec.json.decode(msgspec.json.encode(only(home)))
    assert (entry["architecture"], entry["format"]) == ("?", "?")


def test_an_index_that_leads_outside_is_refused(home):
    folder = make_model(home.models / "m")
    (folder / "model.safetensors").unlink()
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"a": "../../secret.safetensors"}})
    assert "names a file outside its folder" in only(home).problem


def test_links_are_followed_and_circles_told(home, tmp_path):
    make_model(tmp_path / "b")
    home.models.mkdir(parents=True)
    (home.models / "linked").symlink_to(tmp_path / "b")
    (home.models / "circle").symlink_to(home.models / "circle")
    (home.models / "gone").symlink_to(tmp_path / "nothing")
    (home.models / "library").symlink_to(home.models)
    (home.models / "file.gguf").symlink_to(tmp_path / "gone.gguf")
    (home.models / "owner").mkdir()
    (home.models / "owner" / "circle").symlink_to(home.models / "owner" / "circle")
    found = problems(home)
    assert found["linked"] == ""
    assert found["circle"] == "It is a link that leads in a circle. Mend or remove the link."
    assert "where nothing is" in found["gone"]
    assert "where nothing is" in found["file.gguf"]
    assert "no config.json" in found["library"]
    assert "no config.json" in found["owner"]
    assert len(found) == 6


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions don't bind this user")
def test_a_folder_without_permission_is_told(home):
    folder = make_model(home.models / "m")
    folder.chmod(0)
    try:
        assert only(home).problem == "It can't be read (Permission denied). Look at its permissions."
    finally:
        folder.chmod(0o755)
