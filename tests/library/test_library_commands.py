"""`lora-deck models` and `lora-deck adapters`."""

import argparse
import json

import pytest

from desktop.cli import library
from desktop.library.settings import Settings, write_settings_file
from tests.library.making import make_adapter, make_model


@pytest.fixture
def run(home, capsys):
    """Runs a command; returns what went to standard output and to standard error."""

    def call(*words):
        parser = argparse.ArgumentParser()
        parser.add_argument("--home")
        library.register(parser.add_subparsers())
        args = parser.parse_args(["--home", str(home.root), *words])
        assert args.run(args) == 0
        return capsys.readouterr()

    return call


def test_models_in_a_table(home, run):
    make_model(home.models / "llama-7b-hf")
    make_model(home.models / "モデル é🦙")
    (home.models / "broken").mkdir()
    out, err = run("models")
    lines = out.splitlines()
    assert lines[0].split() == ["NAME", "FORMAT", "ARCHITECTURE", "PARAMETERS", "BITS", "SIZE"]
    assert lines[1].split() == ["broken", "?"]
    assert lines[2] == (
        f"    can't be used: There is no config.json in {home.models / 'broken'}, so nobody can say what the model is."
    )
    assert lines[3].startswith("llama-7b-hf  Transformers safetensors  LlamaForCausalLM  0.00474M    16    9.")
    # Four ideograms' width more than characters: three kana and an emoji.
    assert lines[4].index("Transformers") == lines[3].index("Transformers") - 4
    assert err == ""


def test_adapters_in_a_table(home, run):
    make_adapter(home.loras / "tloen_alpaca-lora-7b", rank=16, alpha=32)
    make_adapter(home.loras / "cut", cut=9, use_rslora=True)
    out, _ = run("adapters")
    lines = out.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "RANK", "ALPHA", "TARGETS", "BASE", "MODEL", "FILE", "SIZE"]
    assert "9 bytes are missing" in lines[2]
    words = ["tloen_alpaca-lora-7b", "LoRA", "16", "32", "q", "v", "huggyllama/llama-7b", ".safetensors"]
    assert lines[3].split()[:8] == words


def test_a_name_can_not_drive_the_terminal(home, run):
    make_adapter(home.loras / "a\x1b[31m\nb", base_model_name_or_path="x\x1b]0;y\x07")
    out, _ = run("adapters")
    assert "\x1b" not in out
    assert "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}b" in out
    assert len(out.splitlines()) == 2


def test_an_empty_library_says_what_to_do(home, run):
    out, err = run("models")
    assert out == ""
    assert str(home.models) in err
    assert "lora-deck generate --model starter" in err
    out, err = run("adapters")
    assert out == ""
    assert "lora-deck generate --model starter --lora pirate" in err


def test_json_is_one_object_with_absolute_paths(home, run):
    folder = make_model(home.models / "m")
    (home.models / "broken").mkdir()
    out, err = run("models", "--json")
    printed = json.loads(out)
    assert err == ""
    assert [model["name"] for model in printed["models"]] == ["broken", "m"]
    assert printed["models"][1]["path"] == str(folder)
    assert printed["models"][1]["parameters"] == 4736
    assert printed["models"][0]["problem"]
    assert printed["folders"] == [str(home.models)]
    out, err = run("adapters", "--json")
    assert json.loads(out) == {"adapters": [], "folders": [str(home.loras)]}
    assert err == "", "an empty list is an answer"


def test_a_further_folder_that_is_not_there_is_told(home, run, tmp_path):
    make_model(home.models / "m")
    write_settings_file(home.settings_file, Settings(folders=(str(tmp_path / "unplugged"),)))
    out, err = run("models")
    assert len(out.splitlines()) == 2
    assert err == f"The further folder {tmp_path / 'unplugged'} is not there, or has neither models nor loras inside.\n"


@pytest.mark.parametrize(("size", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (13_476_838_400, "13.5 GB")])
def test_sizes_for_people(size, words):
    assert library.in_units(size) == words
