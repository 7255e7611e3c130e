"""What every loader says of itself and of paths, what it makes of models that aren't its own, and what it imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from desktop.api import LoaderInfo, LoadRequest, Verdict
from desktop.engine.jobs import JobFailed
from tests.contract.opening import PATIENCE, ROOT, engine_of, plugins_of

LOADERS = ("autogptq", "echo", "exllama", "gptq_llama", "imports_torch", "parrot", "prints_binary", "transformers")
OWN = ("autogptq", "exllama", "gptq_llama", "transformers")
MINE = {
    "autogptq": "tiny-autogptq",
    "echo": "word.echo",
    "gptq_llama": "tiny-gptq-llama",
    "parrot": "polly.parrot",
    "prints_binary": "song.loud",
    "transformers": "tiny",
}
PATHS = ("tiny", "tiny/model.safetensors", "empty", "garbage", "garbage/model.safetensors", "noise.gguf", "notes.txt",
         "loras/small", "gone", "x" * 300, "Größe 🙂")  # fmt: skip


def test_these_are_all_the_loaders_there_are(registry):
    assert tuple(found.ref.name for found in registry.found()) == LOADERS
    assert registry.notes == ()


@pytest.mark.parametrize("name", LOADERS)
def test_describe_gives_what_the_program_needs_to_know(registry, name):
    found = registry.find(name)
    assert not found.error
    info = found.info
    assert isinstance(info, LoaderInfo)
    assert info.title
    assert info.available or len(info.reason) > 40, "a loader that can't run here says why and what to do"
    if info.available:
        assert info.capabilities.sampling
        assert set(info.capabilities.bits) <= {4, 8, 16}
    for setting in info.settings.get("properties", {}).values():
        assert setting["description"]
        assert "default" in setting
    if info.requirements:
        assert (ROOT / "plugins" / info.requirements).is_file()


@pytest.mark.parametrize("name", LOADERS)
def test_probe_answers_for_whatever_it_is_given(registry, shelf, name):
    for path in PATHS:
        (choice,) = registry.probe(shelf / path, name)
        assert isinstance(choice.verdict, Verdict)
        assert choice.verdict.reason or choice.verdict.fits, f"{path} is refused without a word"
        assert choice.verdict.memory_bytes >= 0
    assert registry.find(name).error == "", "it has lived through them"


@pytest.mark.parametrize("name", LOADERS)
def test_probe_knows_its_own_and_refuses_the_others_with_a_probe(registry, shelf, name):
    if name in MINE:
        assert registry.probe(shelf / MINE[name], name)[0].can_load
    judges = {"autogptq", "exllama", "gptq_llama", "transformers", "prints_binary"}
    for path in ("empty", "garbage", "noise.gguf", "notes.txt", "gone"):
        assert registry.probe(shelf / path, name)[0].verdict.fits == (name not in judges)


@pytest.mark.parametrize("name", LOADERS)
def test_load_leaves_what_is_not_its_own(long_home, plugin_folders, shelf, name):
    """None, or a sentence; and the engine goes on, so that its own may come after all."""
    with plugins_of(*plugin_folders), engine_of(name, long_home) as engine:
        for path in ("notes.txt", "empty", "garbage", "gone"):
            try:
                assert engine.load(LoadRequest(path=str(shelf / path))).result(PATIENCE) is None
            except JobFailed as failed:
                said = failed.failure
            else:
                continue
            assert said.kind == "user"
            assert len(said.message) > 20
        with pytest.raises(JobFailed, match=r"No model is loaded in this engine\. Load one first\."):
            engine.set_stack([]).result(PATIENCE)


IMPORTED = """
import importlib, json, pathlib, sys
plugin = importlib.import_module(sys.argv[1] + "_loader.plugin")
title = plugin.describe().title
fits = plugin.probe(pathlib.Path(sys.argv[2])).fits
heavy = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "numpy", "auto_gptq", "gptqmodel", "exllamav2")
print(json.dumps([title, fits, [name for name in heavy if name in sys.modules]]))
"""


@pytest.mark.parametrize("name", OWN)
def test_importing_describing_and_probing_import_no_engine(name, shelf):
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, name, str(Path(shelf) / "tiny")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    title, fits, heavy = json.loads(done.stdout)
    assert title
    assert fits == (name == "transformers")
    assert heavy == []
