"""Models and adapters that can't be used, told by `lora-deck generate` before anything changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_generate_answers import FIXED, LORA, MODEL

HIDE = """
import importlib.machinery, os
find = importlib.machinery.PathFinder.find_spec
hidden = os.environ["HIDDEN"].split()

def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in hidden else find(name, path, target)

importlib.machinery.PathFinder.find_spec = find_spec
"""


@pytest.fixture
def broken(tiny_home, made):
    """A copy of the tiny model that the test may break."""
    return Path(shutil.copytree(made[0] / MODEL, tiny_home.models / "broken"))


def refused(run, words, *arguments):
    ran = run(*arguments)
    assert (ran.status, ran.out) == (1, "")
    assert words in ran.err
    assert "Traceback" not in ran.err
    return ran


def test_folders_that_hold_no_whole_model(run, tiny_home, broken):
    command = ("generate", "--model", "broken", "-p", "x")
    whole = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(whole[:-1000])
    refused(run, "is cut short: 1,000 bytes are missing at its end. Download it again", *command)
    (broken / "model.safetensors").unlink()
    ran = refused(run, "No loader can open broken.", *command)
    assert f"transformers: There are no weights in {broken}: no .safetensors and no .bin. Download the model" in ran.err
    (broken / "config.json").unlink()
    refused(run, f"There is no config.json in {broken}", *command)
    refused(run, "wide is a LoRA adapter, not a base model. Give it with --lora.",
            "generate", "--model", tiny_home.loras / "wide", "-p", "x")  # fmt: skip


def test_an_architecture_nobody_knows(run, broken):
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | {"model_type": "brandnew", "architectures": ["BrandNew"]}))
    words = "doesn't know the architecture 'brandnew'. Update transformers"
    refused(run, words, "generate", "--model", "broken", "-p", "x")


def test_settings_the_loader_does_not_have(run, tiny_home):
    words = "There is no setting called 'atention' for this loader. Its settings: attention, quant_type, double_quant"
    refused(run, words, *FIXED, "--set", "atention=sdpa")


def test_an_adapter_for_another_base_says_whose_shape_is_wrong(run, tiny_home):
    ran = refused(
        run, " is 128 wide, this model has 64. It was made for tiny/llama.", *FIXED, "--lora", LORA, "--lora", "wide"
    )
    assert "lora-deck: wide does not fit" in ran.err
    assert "modules" not in ran.err, "no receipt for a stack that was not made"


def test_a_folder_that_is_no_adapter(run, tiny_home):
    (tiny_home.loras / "notes").mkdir()
    refused(
        run, f"notes is not an adapter: there is no adapter_config.json in {tiny_home.loras}", *FIXED, "--lora", "notes"
    )


@pytest.fixture
def run_without(tmp_path, home, made):
    """Run `lora-deck` in a process of its own, in which these packages are not installed; engines inherit that."""
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding" / "sitecustomize.py").write_text(HIDE)
    folders = [tmp_path / "hiding", Path(__file__).resolve().parents[2]]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders)), "OMP_NUM_THREADS": "1"}

    def command(packages, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "desktop", *map(str, arguments)],
            env=environment | {"HIDDEN": packages},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return command


def test_8_bits_without_bitsandbytes_says_what_to_install(run_without, made):
    model = made[0] / MODEL
    ran = run_without("bitsandbytes", "generate", "--model", model, "-p", "x", "--load-in-8bit")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "Loading in 8 bits needs the package bitsandbytes, which is not installed here." in ran.stderr
    assert "pip install bitsandbytes" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_it_answers_where_there_is_no_qt(run_without, made):
    model = made[0] / MODEL
    options = ("--greedy", "--template", "plain", "-p", "The capital", "--max-new-tokens", "2", "--json")
    ran = run_without("PySide6 shiboken6", "generate", "--model", model, *options)
    assert ran.returncode == 0, ran.stderr
    assert len(json.loads(ran.stdout)["tokens"]) == 2
