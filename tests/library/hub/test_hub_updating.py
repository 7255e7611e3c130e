"""A finished download brought to a newer commit: only changes are fetched, and the old stays until the new is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from desktop.library.adapters import list_adapters
from desktop.library.hub import updating
from desktop.library.hub.record import find_unfinished, read_record
from desktop.library.hub.repo_paths import RECORD
from desktop.library.hub.staging import discard
from desktop.library.models import list_models
from desktop.library.settings import Settings
from tests.library.fake_hub import Fault
from tests.library.hub.repositories import content, model_files

NAME = "tloen/alpaca-lora-7b"
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def folder(download, adapter, home):
    """Downloaded, with a file of the user's own in it."""
    assert download(NAME).finished.change == "new"
    folder = home.loras / "tloen_alpaca-lora-7b"
    (folder / "mine").mkdir()
    (folder / "mine" / "note.txt").write_text("mine")
    return folder


@pytest.fixture
def newer(hub, adapter, folder):
    """The hub's files after a change of the weights: one weight has another bit."""
    weights = bytearray(adapter[WEIGHTS])
    weights[-1] ^= 1
    files = adapter | {WEIGHTS: bytes(weights)}
    hub.repos[NAME].change(files)
    hub.sent.clear()
    return files


def files_of(folder):
    return {path: data for path, data in content(folder).items() if path != RECORD}


def nothing_stays(place):
    return [path.name for path in place.iterdir() if path.name.startswith(".")] == []


def test_what_is_up_to_date_is_said_and_nothing_is_fetched(download, folder, hub):
    hub.sent.clear()
    for update in (False, True):
        went = download(NAME, update=update).finished
        assert (went.change, went.fetched) == ("none", 0)
        assert went.commit == read_record(folder).commit
    assert not hub.sent


def test_only_what_changed_is_fetched(download, folder, newer, hub, home):
    before, card = read_record(folder), (folder / "README.md").stat()
    opened = (folder / WEIGHTS).open("rb")  # as a loaded engine holds it
    with opened:
        old = opened.read()
        went = download(NAME, update=True).finished
        opened.seek(0)
        assert opened.read() == old, "what is loaded goes on with the old file"
    assert set(hub.sent) == {WEIGHTS}
    assert (went.change, went.fetched, went.folder) == ("updated", len(newer[WEIGHTS]), str(folder))
    kept = {path: newer[path] for path in ("adapter_config.json", "README.md", WEIGHTS)}
    assert files_of(folder) == kept | {"mine/note.txt": b"mine"}
    assert (folder / "README.md").stat().st_ino == card.st_ino, "what stays is not copied"
    record = read_record(folder)
    assert record.commit == went.commit != before.commit
    assert nothing_stays(home.loras)
    assert [(one.name, one.problem) for one in list_adapters(home, Settings())] == [(folder.name, "")]
    assert download(NAME).finished.change == "none"


def test_without_being_asked_it_says_how_much_and_keeps_the_old(download, folder, newer, hub):
    before = content(folder)
    failed = download(NAME).failed
    assert failed.kind == "outdated"
    assert "An update fetches" in failed.message
    assert content(folder) == before
    assert not hub.sent


def test_the_old_stays_where_the_new_can_not_be_verified(download, folder, newer, hub, home):
    before = content(folder)
    hub.faults["content"].extend([Fault(status=404)] * 20)
    assert download(NAME, update=True, tries=1).failed
    assert content(folder) == before
    assert [one.folder for one in find_unfinished(home.loras)] == [str(folder)]
    hub.faults["content"].clear()
    assert download(NAME, update=True).finished.change == "updated"
    assert files_of(folder)[WEIGHTS] == newer[WEIGHTS]
    assert nothing_stays(home.loras)


def test_an_update_can_be_thrown_away(download, folder, newer, hub, home):
    before = content(folder)
    hub.faults["content"].extend([Fault(status=404)] * 20)
    assert download(NAME, update=True, tries=1).failed
    discard(folder)
    assert content(folder) == before
    assert nothing_stays(home.loras)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_cut_off_at_any_rename_it_goes_on(download, newer, hub, home, monkeypatch, at):
    folder = home.loras / "tloen_alpaca-lora-7b"
    before, rename, left = content(folder), Path.rename, [at]

    def cut(self, target):
        if self.parent == home.loras or Path(target).parent == home.loras:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
        return rename(self, target)

    remove = updating.shutil.rmtree

    def cut_tidying(path, *args, **more):
        if at == 3 and Path(path).name.startswith(".before-"):
            raise KeyboardInterrupt
        remove(path, *args, **more)

    monkeypatch.setattr(Path, "rename", cut)
    monkeypatch.setattr(updating.shutil, "rmtree", cut_tidying)
    with pytest.raises(KeyboardInterrupt):
        download(NAME, update=True)
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(updating.shutil, "rmtree", remove)
    hub.sent.clear()
    there = list_adapters(home, Settings())
    assert [one.problem for one in there] in ([], [""]), "never half of it"
    if at == 1:
        assert content(folder) == before
    assert download(NAME, update=True).finished
    assert not hub.sent, "nothing is fetched twice"
    assert files_of(folder)[WEIGHTS] == newer[WEIGHTS]
    assert files_of(folder)["mine/note.txt"] == b"mine"
    assert nothing_stays(home.loras)


def test_a_plain_download_after_a_cut_brings_the_old_back(download, folder, newer, home, monkeypatch):
    before, rename = content(folder), Path.rename

    def cut(self, target):
        if Path(target) == folder:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", cut)
    with pytest.raises(KeyboardInterrupt):
        download(NAME, update=True)
    monkeypatch.setattr(Path, "rename", rename)
    assert download(NAME).failed.kind == "outdated"
    assert content(folder) == before


def test_a_folder_in_use_by_a_system_that_forbids_it_stays(download, folder, newer, monkeypatch):
    before, rename = content(folder), Path.rename

    def refuse(self, target):
        if self == folder:
            raise PermissionError(13, "Access is denied", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    failed = download(NAME, update=True).failed
    assert (failed.kind, "Close what uses it" in failed.message) == ("busy", True)
    assert content(folder) == before


def test_what_the_user_edited_is_not_replaced(download, folder, newer, hub):
    (folder / WEIGHTS).write_bytes(b"mine")
    before = content(folder)
    failed = download(NAME, update=True).failed
    assert (failed.kind, "was changed here" in failed.message) == ("edited", True)
    assert content(folder) == before
    assert not hub.sent


def test_a_file_that_is_new_on_the_hub_never_covers_the_users(download, adapter, folder, hub):
    (folder / "tokenizer.json").write_text("mine")
    hub.repos[NAME].change(adapter | {"tokenizer.json": b"{}", "README.md": b"new"})
    failed = download(NAME, update=True).failed
    assert (failed.kind, "tokenizer.json is there already" in failed.message) == ("exists", True)
    assert (folder / "tokenizer.json").read_text() == "mine"


def test_shards_of_the_old_version_are_never_mixed_with_the_new(download, hub, as_bytes, home):
    old = as_bytes(model_files(shards=3))
    new = as_bytes(model_files(shards=2))
    repo = hub.add("a/llama", old)
    assert download("a/llama").finished
    repo.change(new)
    assert download("a/llama", update=True).finished.change == "updated"
    assert files_of(home.models / "a_llama") == new
    assert [(one.name, one.problem) for one in list_models(home, Settings())] == [("a_llama", "")]


def test_a_second_quantisation_comes_along(download, hub, home):
    files = {f"m.Q{number}_0.gguf": b"GGUF" + bytes([number]) * 9000 for number in (4, 8)}
    repo = hub.add("a/g", files)
    for name in ("*Q4*", "*Q8*"):
        assert download("a/g", include=[name]).finished
    newer = {path: data[::-1] for path, data in files.items()}
    repo.change(newer)
    assert download("a/g", include=["*Q4*"], update=True).finished
    assert files_of(home.models / "a_g") == newer


def test_a_disk_without_links_gets_copies(download, folder, newer, monkeypatch):
    def refuse(*args, **more):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(updating.os, "link", refuse)
    assert download(NAME, update=True).finished.change == "updated"
    assert files_of(folder)["mine/note.txt"] == b"mine"
