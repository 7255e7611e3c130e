"""What every test gets: a home of its own, no plugin it did not ask for, and a check that nothing outlives it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import tomllib
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

import psutil
import pytest

from desktop.library.home import Home
from tests.metadata import write_metadata
from tests.screens import OwnScreen

ROOT = Path(__file__).resolve().parent.parent
THIRD_PARTY = ROOT / "tests" / "third_party"

# As on a user's machine: hundreds of child processes need not compile the program anew each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

GRACE = 20.0
"""Seconds a thread or process that is ending has to be gone."""


def pytest_configure(config):
    """Where there is a screen and the tests run in several processes, each gets its own. Ctrl-C reaches children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.get("DISPLAY") and os.environ.get("PYTEST_XDIST_WORKER"):
        screen = OwnScreen()
        screen.open()
        config.add_cleanup(screen.close)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home folder, empty; `lora-deck` finds it too."""
    root = tmp_path / "home"
    monkeypatch.setenv("LORA_DECK_HOME", str(root))
    return Home(root)


@pytest.fixture
def metadata_folders(monkeypatch):
    """The folders in which loader plugins are looked for: none at first, in every test. Append to add one."""
    from desktop.discovery import entry_points

    folders: list[str] = []
    monkeypatch.setattr(entry_points, "distributions", partial(distributions, path=folders))
    return folders


@pytest.fixture(autouse=True)
def _no_plugins(metadata_folders):
    """No plugin is discovered unless the test asks for it."""


@pytest.fixture
def add_folder(monkeypatch, metadata_folders):
    """Put a folder with a plugin and its dist-info where Python, its child processes and discovery find it."""

    def add(folder: Path) -> None:
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        metadata_folders.append(str(folder))

    return add


@pytest.fixture
def third_party(add_folder):
    """Call it with folders of tests/third_party: the entry points of those, and of nobody else, are there."""

    def choose(*names: str) -> None:
        for name in names:
            add_folder(THIRD_PARTY / name)

    return choose


@pytest.fixture
def make_plugin(tmp_path, add_folder):
    """Call it with a name and the source of a module: a plugin of that name in a folder of its own, registered."""

    def make(name: str, source: str, distribution: str = "", version: str = "1.0") -> Path:
        folder = tmp_path / f"installed-{distribution or name}-{version}"
        folder.mkdir()
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
        write_metadata(folder, {name: name}, distribution or name, version)
        add_folder(folder)
        return folder

    return make


@pytest.fixture
def own_loaders(tmp_path, add_folder):
    """The program's own loaders, by entry points written as an installation would from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installed = tmp_path / "installed"
    write_metadata(installed, project["entry-points"]["lora_deck.loaders"], "lora-deck", "0")
    add_folder(ROOT / "plugins")
    add_folder(installed)


@pytest.fixture(autouse=True)
def _nothing_outlives():
    """No thread and no child process outlives a test."""
    threads, processes = _threads(), _processes()
    yield
    deadline = time.monotonic() + GRACE
    while (left := [*(_threads() - threads), *(_processes() - processes)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, f"left behind: {left}"


def _threads():
    # tqdm, which transformers and peft use, starts one monitor thread for the whole process and never ends it.
    threads = {thread for thread in threading.enumerate() if type(thread).__name__ != "TMonitor"}
    # Python 3.11 never forgets a thread it did not start itself, a QThread's for one, though it has ended.
    alive = {thread.id for thread in psutil.Process().threads()}
    return {thread for thread in threads if not isinstance(thread, threading._DummyThread) or thread.native_id in alive}


def _processes():
    return {child for child in psutil.Process().children(recursive=True) if _is_alive(child)}


def _is_alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
