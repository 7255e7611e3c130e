"""What plugins said is remembered until something it depends on changes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from desktop.api import LoaderInfo
from desktop.discovery import cache, describer, fingerprint
from desktop.discovery.cache import Cache
from desktop.discovery.describer import Found
from desktop.discovery.fingerprint import site_folders, state_of
from desktop.discovery.loaders import Loaders
from desktop.engine.messages import LoaderRef
from desktop.engine.process import Launch
from desktop.library.settings import Settings

REF = LoaderRef("echo", "echo_loader", "stranger", "1.0")
FOUND = Found(REF, LoaderInfo(title="Echo", settings={"properties": {"a": {"type": "integer"}}}), interpreter="python")


@pytest.fixture
def starts(monkeypatch):
    """The interpreters that were started for describing."""
    started = []
    start = describer.Describer.start

    def counted(self):
        started.append(self.launch.python)
        start(self)

    monkeypatch.setattr(describer.Describer, "start", counted)
    return started


def found_by(home, **options):
    with Loaders(home, Settings(), **options) as loaders:
        return {one.ref.name: one for one in loaders.found()}


def test_an_answer_is_read_back_whole_and_for_its_own_question_only(tmp_path):
    file = tmp_path / "cache" / "loaders.json"
    first = Cache(file)
    first.put(FOUND, "state")
    first.save()
    again = Cache(file)
    assert again.get(REF, "python", "state") == FOUND
    assert again.get(REF, "python", "another state") is None
    assert again.get(REF, "another python", "state") is None
    assert again.get(LoaderRef("echo", "echo_loader", "stranger", "1.1"), "python", "state") is None
    assert Cache(file, refresh=True).get(REF, "python", "state") is None


@pytest.mark.parametrize("seconds", [cache.MAX_AGE + 1, -10])
def test_an_answer_past_its_age_or_from_the_future_is_not_believed(tmp_path, monkeypatch, seconds):
    file = tmp_path / "loaders.json"
    old = Cache(file)
    old.put(FOUND, "state")
    old.save()
    now = cache.time.time() + seconds
    monkeypatch.setattr(cache.time, "time", lambda: now)
    assert Cache(file).get(REF, "python", "state") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": 1}', b"\xff", b"[" * 100_000])
def test_a_broken_cache_file_is_made_anew(home, third_party, starts, content):
    third_party("stranger")
    file = home.cache / "loaders.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert found_by(home)["echo"].info.title == "echo"
    assert len(starts) == 1
    assert found_by(home)["echo"].info.title == "echo"
    assert len(starts) == 1


def test_a_folder_that_cannot_be_written_to_is_no_failure(home, third_party):
    third_party("stranger")
    home.root.mkdir()
    home.cache.write_text("a file where the folder should be")
    assert found_by(home)["echo"].info.title == "echo"


def test_a_second_start_asks_nobody_not_even_plugins_that_hang(home, third_party, starts):
    third_party("stranger", "broken/hangs", "broken/exits")
    first = found_by(home, deadline=1.0)
    asked = len(starts)
    assert found_by(home, deadline=1.0) == first
    assert len(starts) == asked
    assert first["hangs"].error
    found_by(home, deadline=1.0, refresh=True)
    assert len(starts) == 2 * asked


def test_an_interpreter_that_cannot_be_started_is_tried_again(home, third_party, starts):
    third_party("stranger")
    settings = Settings(interpreters={"echo": "/nowhere/python"})
    for _ in range(2):
        with Loaders(home, settings) as loaders:
            (found,) = loaders.found()
        assert "`lora-deck loaders setup echo` makes a new one; with --own added" in found.error
    assert len(starts) == 2


def test_an_edited_plugin_is_asked_again(home, make_plugin, starts, hooks):
    folder = make_plugin("changing", hooks + "@hookimpl\ndef describe():\n    return LoaderInfo(title='before')\n")
    assert found_by(home)["changing"].info.title == "before"
    module = folder / "changing.py"
    module.write_text(module.read_text().replace("before", "afterwards"))
    assert found_by(home)["changing"].info.title == "afterwards"
    assert len(starts) == 2


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """A launch whose every part lies in tmp_path."""
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    (site / "torch-2.0.dist-info").mkdir(parents=True)
    (tmp_path / "plugin" / "inner").mkdir(parents=True)
    (tmp_path / "plugin" / "inner" / "module.py").write_text("")
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text("")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return Launch(str(python), {"plugin": str(tmp_path / "plugin")})


def install(root):
    (root / "lib/python3.11/site-packages/bitsandbytes-0.50.dist-info").mkdir()


def uninstall(root):
    (root / "lib/python3.11/site-packages/torch-2.0.dist-info").rmdir()


def install_again(root):
    os.utime(root / "lib/python3.11/site-packages/torch-2.0.dist-info", (1, 1))


def edit(root):
    (root / "plugin/inner/module.py").write_text("changed = True")


def replace_python(root):
    (root / "bin/python").write_text("another")


@pytest.mark.parametrize("change", [install, uninstall, install_again, edit, replace_python])
def test_the_state_changes_with_what_a_description_may_depend_on(tmp_path, launch, change):
    before = state_of(launch)
    assert state_of(launch) == before
    change(tmp_path)
    assert state_of(launch) != before


def test_the_state_changes_with_what_is_installed_on_pythonpath(tmp_path, launch, monkeypatch):
    before = state_of(launch)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "more"))
    named = state_of(launch)
    (tmp_path / "more" / "extra-1.0.dist-info").mkdir(parents=True)
    assert len({before, named, state_of(launch)}) == 3


def test_compiling_and_testing_do_not_change_the_state(tmp_path, launch):
    before = state_of(launch)
    for folder in ("plugin", "plugin/inner", "lib/python3.11/site-packages"):
        (tmp_path / folder / "__pycache__").mkdir()
        (tmp_path / folder / "__pycache__" / "module.pyc").write_bytes(b"x")
    (tmp_path / "lib/python3.11/site-packages/.cache").mkdir()
    assert state_of(launch) == before


def test_our_own_packages_and_those_of_an_environment_are_looked_at(other_interpreter):
    own = [folder for folder in site_folders(sys.executable) if folder.is_dir()]
    assert Path(describer.msgspec.__file__).parent.parent in own
    prefix = Path(other_interpreter).parent.parent
    assert [folder for folder in site_folders(other_interpreter) if (folder / "msgspec").is_dir()]
    assert any(folder.is_relative_to(prefix) for folder in site_folders(other_interpreter))


def test_a_huge_package_does_not_make_the_start_slow(launch, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "MOST_FILES", 3)
    for number in range(10):
        (tmp_path / "plugin" / f"{number}.py").write_text("")
    stamped = []
    monkeypatch.setattr(fingerprint, "_stamp", lambda path: stamped.append(path) or str(path))
    state_of(launch)
    assert sum(path.is_relative_to(tmp_path / "plugin") for path in stamped) == 3
