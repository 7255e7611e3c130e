"""Which interpreter runs a loader and what it is lent; packages are found, never imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from desktop.api import GenerateRequest, LoadRequest, Lora
from desktop.discovery.describer import Describer
from desktop.discovery.interpreters import interpreter_for, launch_for, lent_packages, package_folder
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.engine.messages import LoaderRef
from desktop.engine.process import Launch
from desktop.library.settings import Settings
from tests.metadata import write_metadata

ROOT = Path(__file__).resolve().parents[2]
KIT = {"loader_kit": str(ROOT / "plugins" / "loader_kit")}


@pytest.fixture(autouse=True)
def _kit(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))


def test_a_recorded_interpreter_runs_the_loader_and_ours_all_others():
    settings = Settings(interpreters={"exllama": "/other/python"})
    assert interpreter_for(LoaderRef("exllama", "x"), settings) == "/other/python"
    assert interpreter_for(LoaderRef("transformers", "x"), settings) == sys.executable
    assert launch_for(LoaderRef("exllama", "exllama_loader.plugin"), settings).python == "/other/python"


def test_a_loader_is_lent_its_package_and_the_toolkit():
    packages = lent_packages(LoaderRef("transformers", "transformers_loader.plugin:hooks"))
    assert packages == {**KIT, "transformers_loader": str(ROOT / "plugins" / "transformers_loader")}


def test_every_package_of_the_same_distribution_is_lent(tmp_path, monkeypatch):
    for file in ("acme_loader/__init__.py", "acme_kernels/__init__.py", "acme_kernels/deep/x.py", "acme_one.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("raise SystemExit('nobody imports this')")
    (tmp_path / "acme_data").mkdir()
    (tmp_path / "acme_data" / "table.json").write_text("{}")
    write_metadata(tmp_path, {"acme": "acme_loader.hooks"}, "acme-loaders")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert lent_packages(LoaderRef("acme", "acme_loader.hooks", "acme-loaders", "1.0")) == {
        **KIT,
        "acme_kernels": str(tmp_path / "acme_kernels"),
        "acme_loader": str(tmp_path / "acme_loader"),
        "acme_one": str(tmp_path / "acme_one.py"),
    }


def test_of_a_namespace_package_the_portion_with_the_plugin_is_lent(tmp_path, monkeypatch):
    for place in ("one/spread/other", "two/spread/loader"):
        (tmp_path / place).mkdir(parents=True)
        monkeypatch.syspath_prepend(str(tmp_path / Path(place).parts[0]))
    (tmp_path / "two/spread/loader/hooks.py").write_text("")
    assert lent_packages(LoaderRef("x", "spread.loader.hooks"))["spread"] == str(tmp_path / "two" / "spread")


@pytest.mark.parametrize("value", ["", "nowhere.at.all", "a b:c", "../etc:x", "sys", "_ctypes:x", ":"])
def test_what_cannot_be_lent_is_left_out(value):
    assert lent_packages(LoaderRef("odd", value, "no-such-distribution")) == KIT


def test_package_folder_knows_packages_only():
    assert package_folder("loader_kit") == ROOT / "plugins" / "loader_kit"
    assert package_folder("sys") is None
    assert package_folder("nowhere_at_all") is None


def test_a_module_lent_to_a_foreign_interpreter_loads_and_answers_there(
    home, third_party, other_interpreter, monkeypatch
):
    third_party("stranger")
    # Only what is lent may be found there.
    monkeypatch.delenv("PYTHONPATH")
    settings = Settings(interpreters={"echo": other_interpreter})
    with Loaders(home, settings) as loaders:
        (found,) = loaders.found()
        launch = loaders.launch(found.ref)
    assert found.interpreter == other_interpreter
    assert found.info.title == "echo"
    engine = EngineClient(launch, found.ref, home.logs)
    engine.start()
    try:
        engine.load(LoadRequest(path="/models/a.echo")).result(20)
        engine.set_stack([Lora(id="a", name="pirate", path="/x", weight=0.5)]).result(20)
        job = engine.generate(GenerateRequest(prompt="ahoy"))
        assert [chunk.text for chunk in job.events(20)] == ["ahoy<pirate:0.5> "]
    finally:
        engine.close()


def test_a_namespace_portion_lent_leaves_the_interpreters_own_portions_in_sight(home, tmp_path, monkeypatch, hooks):
    for place, name in (("lent/spread", "loader.py"), ("own/spread", "helper.py")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / name).write_text(
            "WORD = 'helped'"
            if name == "helper.py"
            else (
                hooks
                + "from spread.helper import WORD\n@hookimpl\ndef describe():\n    return LoaderInfo(title=WORD)\n"
            )
        )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "own"))
    describer = Describer(Launch(sys.executable, {"spread": str(tmp_path / "lent" / "spread")}), home.logs)
    try:
        assert describer.describe(LoaderRef("x", "spread.loader")).info.title == "helped"
    finally:
        describer.close()
