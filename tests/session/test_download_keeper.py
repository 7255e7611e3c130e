"""Downloads and searches on the session's threads, against a hub on this machine."""

from __future__ import annotations

import time

import pytest

from desktop.library.home import Home
from desktop.library.settings import Settings
from desktop.session.download_keeper import DownloadKeeper
from desktop.session.hub_searcher import HubSearcher
from desktop.session.plans import Loaded, LoadPlan
from tests.library.fake_hub import fake_hub, lend
from tests.library.hub.repositories import adapter_files, content, in_bytes
from tests.library.making import make_model
from tests.ui.hands import until

NAME = "tloen/alpaca-lora-7b"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with one adapter, and everything that asks the hub asks this one."""
    with fake_hub() as found:
        lend(monkeypatch, found, tmp_path / "hf")
        tags = ("peft", "base_model:adapter:huggyllama/llama-7b", "license:mit")
        found.add(NAME, in_bytes(adapter_files(size=2_000_000), tmp_path / "made"), tags=tags, downloads=7)
        yield found
        found.gate = None


@pytest.fixture
def make_keeper(application, home):
    """Call it for a keeper that notes what it tells; all of them are ended."""
    made = []

    def make():
        keeper = DownloadKeeper(home, Settings())
        keeper.states, keeper.heard = {}, {"base": [], "refused": [], "gone": [], "completed": []}
        keeper.entry_changed.connect(lambda entry: keeper.states.update({entry.id: entry}))
        keeper.base_found.connect(lambda *args: keeper.heard["base"].append(args))
        keeper.refused.connect(keeper.heard["refused"].append)
        keeper.entry_gone.connect(keeper.heard["gone"].append)
        keeper.completed.connect(keeper.heard["completed"].append)
        made.append(keeper)
        keeper.begin()
        return keeper

    yield make
    for keeper in made:
        keeper.shut_down()
        keeper.deleteLater()


def test_fetched_whole_told_and_its_base_found(make_keeper, hub, home):
    keeper = make_keeper()
    keeper.add(f"https://huggingface.co/{NAME}")
    until(lambda: keeper.heard["base"])
    entry = keeper.states[1]
    assert (entry.state, entry.kind, entry.folder) == ("done", "adapter", str(home.loras / "tloen_alpaca-lora-7b"))
    assert [one.id for one in keeper.heard["completed"]] == [1]
    there = content(home.loras / "tloen_alpaca-lora-7b")
    wanted = hub.repos[NAME].files
    assert there["adapter_model.safetensors"] == wanted["adapter_model.safetensors"]
    name, base = keeper.heard["base"][0]
    assert (name, base.gone, base.here, base.sources[0]) == (NAME, True, "", "huggyllama/llama-7b")


def test_paused_then_back_after_a_restart_and_cancelled(make_keeper, hub, home):
    hub.gate = lambda path, sent: time.sleep(0.05)
    keeper = make_keeper()
    keeper.add(NAME)
    until(lambda: 1 in keeper.states and keeper.states[1].done > 200_000)
    assert [file.path for file in keeper.states[1].files] == ["adapter_model.safetensors"]
    assert not (home.loras / "tloen_alpaca-lora-7b").exists()
    keeper.pause(1)
    until(lambda: keeper.states[1].state == "paused")
    keeper.shut_down()
    again = make_keeper()
    until(lambda: 1 in again.states)
    assert again.states[1].state == "paused"
    again.cancel(1)
    until(lambda: again.heard["gone"] == [1])
    until(lambda: not list(home.loras.glob(".download-*")))


def test_one_that_ran_when_the_window_closed_goes_on(make_keeper, hub, home):
    hub.gate = lambda path, sent: time.sleep(0.05)
    keeper = make_keeper()
    keeper.add(NAME)
    until(lambda: 1 in keeper.states and keeper.states[1].done > 200_000)
    keeper.shut_down()
    hub.gate = None
    again = make_keeper()
    until(lambda: again.heard["completed"])
    assert (home.loras / "tloen_alpaca-lora-7b" / "adapter_model.safetensors").is_file()


def test_what_is_no_name_and_what_is_not_there(make_keeper, hub):
    keeper = make_keeper()
    keeper.add("a b c")
    until(lambda: keeper.heard["refused"])
    assert "no name of a repository" in keeper.heard["refused"][0]
    keeper.add("nobody/nothing")
    until(lambda: 1 in keeper.states and keeper.states[1].state == "failed")
    assert "nobody/nothing" in keeper.states[1].problem


@pytest.mark.parametrize("name", ["../evil", "a/../..", "a/b:../c", "a/" + "x" * 300, "C:\\evil", "file:///etc/passwd"])
def test_no_name_leaves_the_library(make_keeper, hub, home, name):
    keeper = make_keeper()
    keeper.add(name)
    until(lambda: keeper.heard["refused"])
    assert "is no " in keeper.heard["refused"][0]
    assert (keeper.states, hub.requests) == ({}, [])
    assert content(home.root) == {}


def test_hostile_repositories_put_nothing_into_the_library(make_keeper, hub, home, tmp_path):
    files = in_bytes(adapter_files(), tmp_path / "made")
    asked = {"device": "aux.safetensors", "long": "x" * 300 + ".safetensors", "clash": "Adapter_Config.json",
             "up": "../up.safetensors"}  # fmt: skip
    keeper = make_keeper()
    for name, path in asked.items():
        hub.add(f"e/{name}", files | {path: b"evil" * 2000})
        keeper.add(f"e/{name}")
    until(lambda: [entry.state in ("failed", "done") for entry in keeper.states.values()] == [True] * len(asked))
    made = {path.name for path in home.root.rglob("*") if path.is_file() and path.name[0] != "."}
    assert made <= {"downloads.json", *files}
    for entry in keeper.states.values():
        # What nobody needs is left where it is, and is no reason to refuse the rest.
        assert entry.state == "done" or "refused" in entry.problem or "holds both" in entry.problem, entry
        whole = {path.name for path in (home.loras / entry.repo.replace("/", "_")).glob("[!.]*")}
        assert whole == (set(files) if entry.state == "done" else set())
    assert {entry.repo for entry in keeper.states.values() if entry.state == "failed"} >= {"e/clash"}


def test_a_list_that_cannot_be_written_is_told(application, tmp_path):
    (tmp_path / "home").write_text("a file")
    keeper = DownloadKeeper(Home(tmp_path / "home"), Settings())
    said = []
    keeper.refused.connect(said.append)
    keeper.begin()
    keeper.add(NAME)
    until(lambda: said)
    keeper.shut_down()
    assert "can't be kept" in said[0]


@pytest.fixture
def searcher(application):
    """It notes what it tells."""
    searcher = HubSearcher()
    searcher.hits, searcher.failures = [], []
    searcher.hits_found.connect(searcher.hits.append)
    searcher.failed.connect(searcher.failures.append)
    yield searcher
    searcher.shut_down()
    searcher.deleteLater()


def test_searched_for_the_loaded_base(searcher, hub, home):
    model = make_model(home.models / "huggyllama_llama-7b")
    info = type("Info", (), {"path": str(model)})()
    searcher.know_loaded(Loaded(LoadPlan(name="m", path=str(model)), info, None, "", (16,), ()))
    searcher.search("alpaca", "adapter", True)
    until(lambda: searcher.hits)
    (hit,) = searcher.hits[0]
    assert (hit.repo, hit.verdict, hit.license) == (NAME, "fits", "mit")


def test_the_last_question_alone_is_answered(searcher, hub):
    searcher.search("nothing", "", False)
    searcher.search("alpaca", "", False)
    until(lambda: searcher.hits)
    assert [[hit.repo for hit in hits] for hits in searcher.hits] == [[NAME]]
    searcher.search("alpaca", "", False)
    searcher.stop()
    time.sleep(0.3)
    assert len(searcher.hits) == 1


def test_a_newer_version_is_looked_for_where_it_lies_now_and_fetched_after_a_yes(make_keeper, hub, home):
    keeper = make_keeper()
    keeper.add(NAME)
    until(lambda: keeper.heard["completed"])
    folder = (home.loras / "tloen_alpaca-lora-7b").rename(home.loras / "renamed")
    keeper.look_again(str(folder))
    until(lambda: len(keeper.heard["completed"]) == 2)
    assert (keeper.states[2].change, keeper.states[2].folder) == ("none", str(folder))
    hub.repos[NAME].change(hub.repos[NAME].files | {"README.md": b"# Newer"})
    keeper.look_again(str(folder))
    until(lambda: 3 in keeper.states and keeper.states[3].state == "failed")
    assert keeper.states[3].outdated
    assert (folder / "README.md").read_bytes() != b"# Newer"
    keeper.resume(3)
    until(lambda: keeper.states[3].state == "done")
    assert (keeper.states[3].change, (folder / "README.md").read_bytes()) == ("updated", b"# Newer")
    assert [path.name for path in home.loras.iterdir()] == ["renamed"]


def test_what_was_not_downloaded_has_no_newer_version(make_keeper, home):
    keeper = make_keeper()
    keeper.look_again(str(make_model(home.models / "mine")))
    until(lambda: keeper.heard["refused"])
    assert "mine was not downloaded by this program" in keeper.heard["refused"][0]
