"""The facade the command line and the window use: found, probe, launch."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from desktop.discovery.choice import nobody_fits
from desktop.discovery.loaders import Loaders
from desktop.engine.jobs import JobCancelled
from desktop.library.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

IN_A_SHELL = """
import sys
from pathlib import Path
import msgspec
from desktop.discovery.loaders import Loaders
from desktop.library.home import Home
from desktop.library.settings import Settings

with Loaders(Home(Path(sys.argv[1])), Settings()) as loaders:
    found = {one.ref.name: one for one in loaders.found()}
    choices = loaders.probe(Path("/models/a.loud"))
    heavy = [name for name in ("torch", "torch_at_top", "transformers", "binary_printer") if name in sys.modules]
    print(msgspec.json.encode({
        "versions": found["imports_torch"].info.versions,
        "best": choices[0].found.ref.name,
        "heavy": heavy,
    }).decode())
"""


def test_the_shell_never_imports_torch_nor_a_plugin_though_a_plugin_imports_it(home):
    folders = [ROOT, *(ROOT / "tests" / "third_party" / name for name in ("imports_torch", "prints_binary"))]
    shell = subprocess.run(
        [sys.executable, "-c", IN_A_SHELL, str(home.root)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        check=True,
        timeout=60,
    )
    told = msgspec.json.decode(shell.stdout)
    assert told["versions"]["torch"][0].isdigit()
    assert told["best"] == "prints_binary"
    assert told["heavy"] == []


def test_probe_asks_every_loader_and_puts_the_native_one_first(home, third_party):
    third_party("stranger", "prints_binary", "broken/lacks_hook")
    with Loaders(home, Settings()) as loaders:
        names = [choice.found.ref.name for choice in loaders.probe(Path("/models/a.loud"), None)]
        assert names == ["prints_binary", "echo", "lacks_hook"]
        names = [choice.found.ref.name for choice in loaders.probe(Path("/models/a.echo"), None)]
        assert names == ["echo", "prints_binary", "lacks_hook"]
    with Loaders(home, Settings(loader="echo")) as loaders:
        assert loaders.probe(Path("/models/a.loud"), None)[0].found.ref.name == "echo"


def test_the_loader_asked_for_is_the_only_one_that_is_asked(home, third_party):
    third_party("stranger", "broken/hangs")
    with Loaders(home, Settings(), deadline=60) as loaders:
        (choice,) = loaders.probe(Path("/models/a.echo"), "echo")
    assert choice.can_load


def test_a_loader_that_is_not_there_is_refused_with_the_names_there_are(home, third_party):
    third_party("stranger", "prints_binary")
    with Loaders(home, Settings()) as loaders:
        choices = loaders.probe(Path("/models/a.echo"), "eco")
        assert not choices[0].can_load
        assert "eco: There is no loader of this name. Loaders here: echo, prints_binary." in nobody_fits(
            Path("/models/a.echo"), choices
        )


def test_without_plugins_nothing_is_started(home):
    with Loaders(home, Settings()) as loaders:
        assert loaders.found() == []
        assert loaders.probe(Path("/models/x"), None) == []
    assert not home.root.exists()


def test_a_probe_gets_an_absolute_path(home, make_plugin, hooks, tmp_path, monkeypatch):
    make_plugin("where", hooks + "@hookimpl\ndef probe(path):\n    return Verdict(fits=True, reason=str(path))\n")
    monkeypatch.chdir(tmp_path)
    with Loaders(home, Settings()) as loaders:
        (choice,) = loaders.probe(Path("model"), None)
    assert choice.verdict.reason == str(tmp_path / "model")


def test_each_interpreter_has_one_describer(home, third_party, other_interpreter):
    third_party("stranger", "prints_binary")
    with Loaders(home, Settings(interpreters={"echo": other_interpreter})) as loaders:
        found = {one.ref.name: one.interpreter for one in loaders.found()}
        assert found == {"echo": other_interpreter, "prints_binary": sys.executable}
        assert all(choice.verdict for choice in loaders.probe(Path("/models/a.loud"), None))
        assert len(list(home.logs.iterdir())) == 2


def test_closing_while_another_thread_waits_ends_the_wait(home, third_party):
    third_party("broken/hangs")
    loaders = Loaders(home, Settings(), deadline=60)
    threading.Timer(0.7, loaders.close).start()
    with pytest.raises(JobCancelled):
        loaders.found()
    with pytest.raises(JobCancelled):
        loaders.found()


def test_the_programs_own_loaders_come_by_entry_points_like_anybodys(home, own_loaders):
    with Loaders(home, Settings()) as loaders:
        found = {one.ref.name: one for one in loaders.found()}
        launch = loaders.launch(found["transformers"].ref)
    assert {"transformers", "autogptq", "gptq_llama", "exllama"} <= set(found)
    assert found["transformers"].info.title == "Transformers"
    assert set(launch.packages) == {"transformers_loader", "loader_kit"}
