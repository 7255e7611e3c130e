"""The list of downloads: paused, resumed, cancelled, tried again, and back after a restart."""

from __future__ import annotations

import threading
import time

import pytest

from desktop.library.hub.problems import HubError
from desktop.library.hub.queue import DownloadQueue, Entry
from desktop.library.hub.record import Wish, find_unfinished
from tests.library.fake_hub import BLOCK
from tests.library.hub.repositories import adapter_files

NAME = "tloen/alpaca-lora-7b"
LONG = 30.0


@pytest.fixture
def make(home, hub):
    """A queue, closed when the test ends; and a way to wait until it is as wanted."""
    made = []

    def queue():
        made.append(DownloadQueue(home, lambda change: None))
        return made[-1]

    yield queue
    hub.gate = None
    for one in made:
        one.close()


@pytest.fixture
def slow(hub, as_bytes):
    """A large adapter whose bytes come slowly; set `hub.gate` to None to let it come."""
    hub.add(NAME, as_bytes(adapter_files(size=2_000_000)))
    hub.gate = lambda path, sent: time.sleep(0.1)


def until(queue, number, wanted):
    """Wait for an entry to be as wanted; the entry."""
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        for entry in queue.entries:
            if entry.id == number and wanted(entry):
                return entry
        time.sleep(0.01)
    raise AssertionError(queue.entries)


def test_paused_resumed_closed_and_back_again(make, slow, hub, home):
    queue = make()
    number = queue.add(NAME).id
    assert queue.entries[0].state == "waiting"
    queue.begin()
    running = until(queue, number, lambda one: one.done > 200_000)
    assert (running.kind, running.state) == ("adapter", "running")
    assert [one.path for one in running.files] == ["adapter_model.safetensors"]
    queue.pause(number)
    assert queue.entries[0].state == "paused"
    queue.close()
    (kept,) = find_unfinished(home.loras)
    assert kept.done > 200_000
    again = make()
    assert [(one.repo, one.state) for one in again.entries] == [(NAME, "paused")]
    again.begin()
    hub.gate = None
    before = hub.sent["adapter_model.safetensors"]
    again.resume(number)
    done = until(again, number, lambda one: one.state == "done")
    assert done.done == done.total
    # The connection that was given up had one block on its way.
    assert hub.sent["adapter_model.safetensors"] - before <= kept.total - kept.done + BLOCK
    assert (home.loras / "tloen_alpaca-lora-7b" / "README.md").is_file()
    again.cancel(number)
    assert again.entries == ()
    assert (home.loras / "tloen_alpaca-lora-7b" / "README.md").is_file(), "what is complete stays"


def test_closed_while_it_runs_it_goes_on_next_time(make, slow, hub, home):
    queue = make()
    number = queue.add(NAME).id
    queue.begin()
    until(queue, number, lambda one: one.done > 0)
    queue.close()
    assert len(find_unfinished(home.loras)) == 1
    hub.gate = None
    again = make()
    assert again.entries[0].state == "waiting"
    again.begin()
    until(again, number, lambda one: one.state == "done")


def test_cancelled_leaves_nothing(make, slow, hub, home):
    gone = threading.Event()
    queue = make()
    queue._on_change = lambda change: gone.set() if isinstance(change, int) else None
    number = queue.add(NAME).id
    queue.begin()
    until(queue, number, lambda one: one.done > 0)
    queue.cancel(number)
    assert gone.wait(LONG)
    queue.close()
    assert queue.entries == ()
    assert list(home.loras.iterdir()) == []


def test_one_after_the_other_and_a_failed_one_again(make, hub, as_bytes, home):
    queue = make()
    first = queue.add("later/adapter").id
    second = queue.add(NAME).id
    hub.add(NAME, as_bytes(adapter_files()))
    queue.begin()
    assert "There is no later/adapter" in until(queue, first, lambda one: one.state == "failed").problem
    until(queue, second, lambda one: one.state == "done")
    hub.add("later/adapter", as_bytes(adapter_files(1)))
    queue.resume(first)
    until(queue, first, lambda one: one.state == "done")


def test_the_same_twice_is_one_and_nonsense_is_refused(make):
    queue = make()
    assert queue.add(NAME) is queue.add(NAME)
    assert queue.add(NAME, Wish(text_only=True)).id == 2
    assert queue.add(f"https://huggingface.co/{NAME}/blob/v2/x.gguf").wish == Wish(include=("x.gguf",))
    with pytest.raises(HubError):
        queue.add("../..")
    assert [one.id for one in queue.entries] == [1, 2, 3]


def test_a_list_that_can_t_be_read_is_set_aside(make, home):
    home.root.mkdir()
    home.downloads.write_text("[{")
    assert make().entries == ()
    assert home.downloads.with_name("downloads.broken.json").read_text() == "[{"
    assert Entry(id=1, repo="a/b").state == "waiting"


def test_an_older_version_waits_for_a_yes_and_is_then_updated(make, hub, as_bytes, home):
    files = as_bytes(adapter_files())
    repo = hub.add(NAME, files)
    queue = make()
    queue.begin()
    first = queue.add(NAME).id
    assert until(queue, first, lambda one: one.state == "done").change == "new"
    again = queue.add(NAME).id
    assert until(queue, again, lambda one: one.state == "done").change == "none"
    repo.change(files | {"README.md": b"# Newer"})
    number = queue.add(NAME).id
    entry = until(queue, number, lambda one: one.state == "failed")
    assert (entry.outdated, "older version" in entry.problem) == (True, True)
    card = home.loras / "tloen_alpaca-lora-7b" / "README.md"
    assert card.read_bytes() == files["README.md"]
    queue.resume(number)
    entry = until(queue, number, lambda one: one.state == "done")
    assert (entry.change, entry.outdated, entry.problem) == ("updated", False, "")
    assert card.read_bytes() == b"# Newer"
