"""AutoGPTQ and GPTQModel themselves, each in an interpreter made from its list: `pytest -m long`."""

from __future__ import annotations

import numpy as np
import pytest

from desktop.api import GenerateRequest, LoadRequest, LogitsRequest, Lora, Sampling
from desktop.discovery.loaders import Loaders
from desktop.discovery.setup import Environment, make_interpreter, requirements_of
from desktop.engine.client import EngineClient
from desktop.library.home import Home
from desktop.library.settings import Settings, read_settings_file
from tests import tiny
from tests.plugins.gptq_writer import write_checkpoint

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

WRITERS = {"auto_gptq": "autogptq", "gptqmodel": "gptqmodel"}
"""Each of the two takes the checkpoint that is written as it writes them."""

PROMPT = "The capital of France is Paris. The quick brown fox"


@pytest.fixture
def shelf(tmp_path):
    """Checkpoints whose sizes suit every kernel, and two adapters."""
    sizes = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4}
    model = tiny.make_model(tmp_path / "plain", **sizes)
    for engine, writer in WRITERS.items():
        write_checkpoint(tmp_path / engine, tmp_path / "plain", group_size=64, writer=writer)
    tiny.make_adapter(tmp_path / "small", model, rank=4, alpha=8)
    tiny.make_adapter(tmp_path / "large", model, rank=16, alpha=16, seed=2, modules=tiny.linear_names(model))
    return tmp_path


@pytest.fixture
def open_engine():
    """Calls start an engine of the AutoGPTQ loader where the settings of a home have it, with the checkpoint loaded."""
    opened = []

    def start(home, path, engine, dtype):
        with Loaders(home, read_settings_file(home.settings_file)) as loaders:
            found = loaders.find("autogptq")
            opened.append(EngineClient(loaders.launch(found.ref), found.ref, home.logs))
        opened[-1].start()
        request = LoadRequest(path=str(path), dtype=dtype, device="cpu", settings={"engine": engine})
        return opened[-1], opened[-1].load(request).result()

    yield start
    for engine in opened:
        engine.close()


def logits(engine):
    found = engine.logits(LogitsRequest(prompt=PROMPT, last=1000)).result()
    return np.frombuffer(found.data, "<f4")


@pytest.mark.parametrize(
    ("engine", "dtype", "tolerance"), [("auto_gptq", "float32", 1e-3), ("gptqmodel", "bfloat16", 0.1)]
)
def test_two_weighted_adapters_act_there_as_on_our_own_linear(
    own_loaders, shelf, open_engine, engine, dtype, tolerance
):
    home = Home(shelf / "home")
    with Loaders(home, Settings()) as loaders:
        found = loaders.find("autogptq")
    made = make_interpreter(home, found.ref, Environment(requirements_of(found, engine)), print)
    assert made.info.available
    theirs, info = open_engine(home, shelf / engine, engine, dtype)
    assert info.notes[0].startswith("Computed by ")
    ours, _ = open_engine(Home(shelf / "own"), shelf / engine, "ours", "float32")
    logits(theirs)  # some kernels pack their weights anew in the first pass
    base = logits(theirs)
    near = tolerance * np.abs(base).max()
    assert np.abs(base - logits(ours)).max() < near
    rows = [
        Lora(id="s", name="small", path=str(shelf / "small"), weight=0.7),
        Lora(id="l", name="large", path=str(shelf / "large"), weight=-0.3),
    ]
    for side in (theirs, ours):
        assert [receipt.modules_matched for receipt in side.set_stack(rows).result()] == [6, 14]
    acting = logits(theirs)
    assert np.abs(acting - logits(ours)).max() < near
    assert np.abs(acting - base).max() > near
    wanted = GenerateRequest(prompt=PROMPT, sampling=Sampling(greedy=True), max_new_tokens=8)
    assert sum(len(chunk.tokens) for chunk in theirs.generate(wanted).events()) > 0
    for side in ("s", "l"):
        theirs.remove_lora(side).result()
    assert logits(theirs).tobytes() == base.tobytes()
