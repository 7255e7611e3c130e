"""The plugin in the README works, through a real entry point and a real engine; and so does the guide's."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from desktop.api import GenerateRequest, LoadRequest, Lora, Verdict, hookspecs
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.engine.jobs import JobFailed
from desktop.library.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "writing-a-loader.md").read_text(encoding="utf-8")

HOOKS = (
    "load(request, progress)",
    "apply_lora(model, lora)",
    "remove_lora(model, lora)",
    "set_stack(model, loras)",
    "describe()",
    "probe(path)",
)


def python_blocks(text):
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def first_plugin(text):
    return next(block for block in python_blocks(text) if "@hookimpl" in block)


@pytest.fixture
def engine(home):
    """An engine with a loader's model, through Loaders; started when called."""
    made = []

    def start(**request):
        with Loaders(home, Settings()) as loaders:
            (choice,) = loaders.probe(Path("/models/polly.parrot"))
            assert choice.can_load
            made.append(EngineClient(loaders.launch(choice.found.ref), choice.found.ref, home.logs))
        made[-1].start()
        assert made[-1].load(LoadRequest(path="/models/polly.parrot", **request)).result(20) is not None
        return made[-1]

    yield start
    for one in made:
        one.close()


def answer(engine):
    return "".join(chunk.text for chunk in engine.generate(GenerateRequest(prompt="hello")).events(20))


def lora(id, weight):
    return Lora(id=id, name="pirate", path="/loras/pirate", weight=weight)


def test_the_readmes_plugin_has_at_most_twelve_lines():
    assert len(first_plugin(README).splitlines()) <= 12


def test_the_readmes_plugin_loads_applies_answers_and_removes(make_plugin, engine):
    make_plugin("parrot", first_plugin(README))
    parrot = engine()
    assert answer(parrot) == "hello []"
    receipt = parrot.apply_lora(lora("a", 1.0)).result(20)
    assert (receipt.id, receipt.name, receipt.weight) == ("a", "pirate", 1.0)
    parrot.apply_lora(lora("b", -2.0)).result(20)
    parrot.apply_lora(lora("a", 0.5)).result(20)
    assert answer(parrot) == "hello ['pirate x 0.5', 'pirate x -2.0']"
    parrot.remove_lora("a").result(20)
    assert answer(parrot) == "hello ['pirate x -2.0']"
    parrot.remove_lora("b").result(20)
    assert answer(parrot) == "hello []"


def test_the_readmes_plugin_leaves_what_is_not_its_own(make_plugin, home):
    make_plugin("parrot", first_plugin(README))
    with Loaders(home, Settings()) as loaders:
        (found,) = loaders.found()
        stranger = EngineClient(loaders.launch(found.ref), found.ref, home.logs)
    stranger.start()
    try:
        assert stranger.load(LoadRequest(path="/models/other")).result(20) is None
    finally:
        stranger.close()


@pytest.mark.parametrize("text", [README, GUIDE], ids=["readme", "guide"])
def test_every_hook_stands_with_its_exact_arguments(text):
    specs = [value for value in vars(hookspecs).values() if hasattr(value, "lora_deck_spec")]
    signatures = {f"{spec.__name__}({', '.join(inspect.signature(spec).parameters)})" for spec in specs}
    assert signatures == set(HOOKS)
    for hook in HOOKS:
        assert f"`{hook}`" in text


def test_the_guide_begins_with_the_readmes_plugin():
    assert first_plugin(GUIDE) == first_plugin(README)


@pytest.fixture
def guide_plugin(make_plugin):
    """The guide's plugin at the top of the ladder, registered; returns the guide's own test."""
    *rungs, test = python_blocks(GUIDE)
    assert "def test_" in test
    make_plugin("parrot", "\n".join(rungs))
    return test


def test_the_guides_plugin_describes_itself_probes_and_takes_settings(guide_plugin, engine, home):
    with Loaders(home, Settings()) as loaders:
        found = loaders.find("parrot")
        assert found.info.title == "Parrot"
        assert found.info.settings["properties"]["repeat"]["maximum"] == 10
        assert loaders.probe(Path("/models/x"))[0].verdict == Verdict(fits=False, reason="This is no .parrot file.")
    parrot = engine(settings={"repeat": "2"})
    assert answer(parrot) == "hello []hello []"
    receipts = parrot.set_stack([lora("a", 1.0), lora("b", 0.0)]).result(20)
    assert [receipt.id for receipt in receipts] == ["a", "b"]
    assert answer(parrot) == 2 * "hello ['pirate x 1.0', 'pirate x 0.0']"
    with pytest.raises(JobFailed, match="Its settings: repeat"):
        engine(settings={"repeats": 2})


def test_the_guides_own_test_passes(guide_plugin, tmp_path):
    names: dict = {}
    exec(guide_plugin, names)
    names["test_an_adapter_acts_and_goes_without_a_trace"](tmp_path)
