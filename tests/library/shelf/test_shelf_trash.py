"""The trash: what goes there comes back byte by byte, whatever happens in between."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from desktop.library.shelf.problems import ShelfError
from desktop.library.shelf.trash import empty_trash, list_trash, move_to_trash, restore
from desktop.library.shelf.units import unit_of
from tests.library.hub.repositories import content
from tests.library.making import make_adapter, make_model


def delete(path, home):
    return move_to_trash(unit_of(path, home), home)


def test_deleted_and_back(home):
    adapter = make_adapter(home.loras / "pirate é")
    before = content(adapter)
    trashed = delete(adapter, home)
    assert not adapter.exists()
    assert (trashed.name, trashed.kind) == ("pirate é", "adapter")
    assert trashed.size == sum(map(len, before.values()))
    assert list_trash(home) == [trashed]
    assert restore(trashed, home) == adapter
    assert content(adapter) == before
    assert list_trash(home) == []
    assert list(home.trash.iterdir()) == []


def test_two_of_the_same_name_are_kept_apart(home):
    for rank in (4, 8):
        delete(make_adapter(home.loras / "twin", rank=rank), home)
    youngest, oldest = list_trash(home)
    restore(oldest, home)
    assert b'"r": 4' in (home.loras / "twin" / "adapter_config.json").read_bytes()
    with pytest.raises(ShelfError, match="is there already"):
        restore(youngest, home)
    assert list_trash(home) == [youngest]


def test_the_place_it_was_in_is_made_again(home):
    inner = make_adapter(home.loras / "run" / "checkpoint-1")
    trashed = delete(inner, home)
    inner.parent.rmdir()
    assert restore(trashed, home) == inner


def test_a_link_is_deleted_and_what_it_leads_to_stays(home, tmp_path):
    target = make_model(tmp_path / "big")
    before = content(target)
    home.models.mkdir(parents=True)
    (home.models / "link").symlink_to(target)
    trashed = delete(home.models / "link", home)
    assert trashed.size == 0
    assert content(target) == before
    assert restore(trashed, home).readlink() == target
    delete(home.models / "link", home)
    empty_trash(home)
    assert content(target) == before


def test_a_link_for_a_trash_is_refused(home, tmp_path):
    adapter = make_adapter(home.loras / "pirate")
    (tmp_path / "bin").mkdir()
    home.trash.symlink_to(tmp_path / "bin")
    with pytest.raises(ShelfError, match="link"):
        delete(adapter, home)
    with pytest.raises(ShelfError, match="link"):
        empty_trash(home)
    assert adapter.is_dir()
    assert list((tmp_path / "bin").iterdir()) == []


def test_what_cannot_be_moved_stays_and_leaves_nothing_behind(home, monkeypatch):
    adapter = make_adapter(home.loras / "pirate")

    def fail(self, target):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    unit = unit_of(adapter, home)
    with monkeypatch.context() as patched:
        patched.setattr("desktop.library.shelf.renaming.Path.rename", fail)
        with pytest.raises(ShelfError, match="Permission denied"):
            move_to_trash(unit, home)
    assert adapter.is_dir()
    assert list(home.trash.iterdir()) == []


def test_killed_between_two_parts_both_come_back(home, monkeypatch):
    files = [home.models / f"a-{number:05}-of-00002.gguf" for number in (1, 2)]
    home.models.mkdir(parents=True)
    for file in files:
        file.write_bytes(file.name.encode())
    unit, real = unit_of(files[0], home), Path.rename

    def killed(self, target):
        if self.name.startswith("a-00002"):
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr("desktop.library.shelf.renaming.Path.rename", killed)
        with pytest.raises(KeyboardInterrupt):
            move_to_trash(unit, home)
    assert [file.exists() for file in files] == [False, True]
    (trashed,) = list_trash(home)
    restore(trashed, home)
    assert [file.read_bytes() for file in files] == [file.name.encode() for file in files]


def test_emptied_when_asked_and_strangers_are_left(home):
    delete(make_adapter(home.loras / "pirate"), home)
    stranger = home.trash / "notes" / "mine.txt"
    stranger.parent.mkdir()
    stranger.write_text("keep")
    size = list_trash(home)[0].size
    assert empty_trash(home) == size > 0
    assert list_trash(home) == []
    assert stranger.read_text() == "keep"
