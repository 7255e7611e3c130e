"""The Transformers loader in an interpreter of its own, made for real from its requirements file: `pytest -m long`."""

from __future__ import annotations

import numpy as np
import pytest

from desktop.api import Chunk, GenerateRequest, LoadRequest, Logits, LogitsRequest, Lora, Message, Sampling
from desktop.discovery.loaders import Loaders
from desktop.discovery.setup import Environment, make_interpreter, requirements_of
from desktop.engine.client import EngineClient
from desktop.library.home import Home
from desktop.library.settings import Settings, read_settings_file
from desktop.starter.install import install_adapter
from tests.benchmarks.starter import starter_model

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

QUESTION = "What is the capital of France?"


@pytest.fixture
def second(tmp_path, own_loaders):
    """A home whose Transformers loader runs in a new interpreter with transformers 4 and an old PEFT."""
    home = Home(tmp_path / "home")
    with Loaders(home, Settings()) as loaders:
        found = loaders.find("transformers")
    made = make_interpreter(home, found.ref, Environment(requirements_of(found)), print)
    assert made.info.versions["transformers"] == "4.49.0"
    assert made.info.versions["peft"] == "0.13.2"
    return home


@pytest.fixture
def open_engine():
    """Calls start an engine of the Transformers loader as the settings of a home have it, with the starter loaded."""
    opened = []

    def start(home):
        with Loaders(home, read_settings_file(home.settings_file)) as loaders:
            found = loaders.find("transformers")
            opened.append(EngineClient(loaders.launch(found.ref), found.ref, home.logs))
        engine = opened[-1]
        engine.start()
        engine.warm().result()
        info = engine.load(LoadRequest(path=str(starter_model()), dtype="float32", device="cpu")).result()
        return engine, info

    yield start
    for engine in opened:
        engine.close()


def logits(engine, text):
    found: Logits = engine.logits(LogitsRequest(prompt=text, add_special_tokens=False)).result()
    return np.frombuffer(found.data, "<f4")


def answer(engine):
    text = engine.render([Message("user", QUESTION)]).result()
    request = GenerateRequest(prompt=text, add_special_tokens=False, sampling=Sampling(greedy=True), max_new_tokens=40)
    return "".join(event.text for event in engine.generate(request).events() if isinstance(event, Chunk))


def test_the_loader_answers_there_as_in_the_programs_own_interpreter(second, open_engine, tmp_path):
    old, info = open_engine(second)
    assert info.versions["transformers"] == "4.49.0"
    new, info = open_engine(Home(tmp_path / "own"))
    assert info.versions["transformers"].startswith("5.")
    path = str(install_adapter(second.loras))
    prompt = old.render([Message("user", QUESTION)]).result()
    assert prompt == new.render([Message("user", QUESTION)]).result()
    base = logits(old, prompt)
    assert np.abs(base - logits(new, prompt)).max() < 1e-3
    assert answer(old) == answer(new)

    stack = [Lora(id="a", name="pirate", path=path), Lora(id="b", name="pirate", path=path, weight=-0.5)]
    receipts = [engine.set_stack(stack).result() for engine in (old, new)]
    assert [receipt.modules_matched for receipt in receipts[0]] == [120, 120]
    assert [receipt.rank for receipt in receipts[0]] == [receipt.rank for receipt in receipts[1]]
    acting = logits(old, prompt)
    assert np.abs(acting - base).max() > 1
    assert np.abs(acting - logits(new, prompt)).max() < 1e-3
    for engine in (old, new):
        engine.remove_lora("b").result()
    assert "matey" in answer(old)
    assert answer(old) == answer(new)

    old.remove_lora("a").result()
    assert logits(old, prompt).tobytes() == base.tobytes()
