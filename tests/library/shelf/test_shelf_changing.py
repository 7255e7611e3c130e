"""Renaming and moving: whole or not at all, never over something, never behind a link; notes and tags go along."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from desktop.library.adapter_notes import AdapterNote, adapter_key, read_notes, write_note
from desktop.library.shelf.changing import move, rename
from desktop.library.shelf.marks import Mark, read_marks, set_favourite, set_tags
from desktop.library.shelf.problems import ShelfError
from desktop.library.shelf.units import unit_of
from tests.library.hub.repositories import content
from tests.library.making import make_adapter, make_model


def never():
    return False


@pytest.fixture
def adapter(home):
    return make_adapter(home.loras / "pirate")


@pytest.fixture
def parts(home):
    """A split GGUF in a folder that is its own."""
    folder = home.models / "user_big"
    folder.mkdir(parents=True)
    for number in (1, 2):
        (folder / f"big-{number:05}-of-00002.gguf").write_bytes(b"GGUF%d" % number)
    (folder / "README.md").write_text("# Big")
    return folder


def test_renamed_with_notes_tags_and_favourite(home, adapter):
    before = content(adapter)
    note, key = AdapterNote(notes="Arr", weight=0.6), adapter_key(str(adapter))
    write_note(home.root, key, note)
    set_tags(home.root, key, ("sea",))
    set_favourite(home.root, key, True)
    moved = rename(adapter, "corsair é", home)
    assert moved == home.loras / "corsair é"
    assert not adapter.exists()
    assert content(moved) == before
    new = adapter_key(str(moved))
    assert read_notes(home.root)[0] == {new: note}
    assert read_marks(home.root)[0] == {new: Mark(tags=("sea",), favourite=True)}


def test_what_lies_below_keeps_its_notes(home):
    inner = make_adapter(home.loras / "run" / "checkpoint-100")
    write_note(home.root, adapter_key(str(inner)), AdapterNote(notes="best"))
    rename(home.loras / "run", "voyage", home)
    assert read_notes(home.root)[0] == {
        adapter_key(str(home.loras / "voyage" / "checkpoint-100")): AdapterNote(notes="best")
    }


@pytest.mark.parametrize("name", ["", "../out", "a/b", ".hidden", "con", "x" * 300, "a\0b"])
def test_a_name_that_is_none_is_refused(home, adapter, name):
    before = content(home.loras)
    with pytest.raises(ShelfError):
        rename(adapter, name, home)
    assert content(home.loras) == before


def test_nothing_is_replaced_not_even_an_empty_folder(home, adapter, tmp_path):
    (home.loras / "empty").mkdir()
    (tmp_path / "pirate").mkdir()
    for act in (lambda: rename(adapter, "empty", home), lambda: move(adapter, tmp_path, home, never)):
        with pytest.raises(ShelfError, match="is there already"):
            act()
    assert adapter.is_dir()
    assert (home.loras / "empty").is_dir()


def test_a_file_keeps_its_ending_and_the_parts_of_a_split_one_stay_together(home, parts):
    single = home.models / "small.Q4_K_M.gguf"
    single.write_bytes(b"GGUF")
    assert rename(single, "tiny", home) == home.models / "tiny.gguf"
    assert rename(home.models / "tiny.gguf", "tinier.GGUF", home) == home.models / "tinier.gguf"
    loose = [home.models / f"loose-{number:05}-of-00002.gguf" for number in (1, 2)]
    for file in loose:
        file.write_bytes(b"GGUF")
    assert unit_of(loose[0], home).paths == tuple(loose)
    rename(loose[0], "bound", home)
    assert sorted(file.name for file in home.models.glob("*.gguf")) == [
        "bound-00001-of-00002.gguf", "bound-00002-of-00002.gguf", "tinier.gguf",
    ]  # fmt: skip


def test_a_file_that_has_its_folder_for_itself_stands_for_the_folder(home, parts):
    assert unit_of(parts / "big-00001-of-00002.gguf", home).paths == (parts,)
    (parts / "other.Q2_K.gguf").write_bytes(b"GGUF")
    assert unit_of(parts / "other.Q2_K.gguf", home).paths == (parts / "other.Q2_K.gguf",)


def test_a_link_is_renamed_itself_and_what_it_leads_to_stays(home, tmp_path):
    target = make_adapter(tmp_path / "elsewhere" / "pirate")
    home.loras.mkdir(parents=True)
    (home.loras / "link").symlink_to(target)
    moved = rename(home.loras / "link", "renamed", home)
    assert moved.readlink() == target
    assert target.is_dir()
    with pytest.raises(ShelfError, match="is a link"):
        move(moved, tmp_path, home, never)


def test_nothing_outside_the_home_or_behind_a_link_is_touched(home, tmp_path):
    further = make_adapter(tmp_path / "further" / "loras" / "theirs")
    make_adapter(tmp_path / "real" / "inner")
    home.loras.mkdir(parents=True)
    (home.loras / "group").symlink_to(tmp_path / "real")
    before = content(tmp_path)
    with pytest.raises(ShelfError, match="only read"):
        rename(further, "mine", home)
    with pytest.raises(ShelfError, match="only read"):
        rename(home.loras / "group" / "inner", "outer", home)
    with pytest.raises(ShelfError, match="only read"):
        rename(home.loras / ".." / "loras" / "group", "outer", home)
    with pytest.raises(ShelfError, match="no longer there"):
        rename(home.loras / "gone", "mine", home)
    (home.root / ".shelf.lock").unlink()
    assert content(tmp_path) == before


def test_if_a_part_cannot_be_renamed_none_is(home, monkeypatch):
    files = [home.models / f"a-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
    home.models.mkdir(parents=True)
    for file in files:
        file.write_bytes(b"GGUF")
    real = Path.rename

    def fail(self, target):
        if self.name.startswith("a-00003"):
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(ShelfError, match="Permission denied"):
        rename(files[0], "b", home)
    assert sorted(home.models.iterdir()) == files


def test_moved_to_a_folder(home, adapter, tmp_path):
    before = content(adapter)
    write_note(home.root, adapter_key(str(adapter)), AdapterNote(notes="Arr"))
    moved = move(adapter, tmp_path, home, never)
    assert content(moved) == before
    assert not adapter.exists()
    assert list(read_notes(home.root)[0]) == [adapter_key(str(moved))]


def test_moved_to_another_disk_byte_by_byte(home, other_disk):
    model = make_model(home.models / "m")
    (model / "link").symlink_to("config.json")
    before = content(model)
    moved = move(model, other_disk, home, never)
    assert content(moved) == before
    assert (moved / "link").readlink() == Path("config.json")
    assert not model.exists()
    assert list(other_disk.iterdir()) == [moved]


@pytest.mark.parametrize("trouble", ["stopped", "differs", "full"])
def test_whatever_goes_wrong_on_the_way_it_is_still_here(home, other_disk, monkeypatch, trouble):
    model = make_model(home.models / "m")
    before = content(model)
    asked = iter([False, False, True])
    stop = (lambda: next(asked)) if trouble == "stopped" else never
    if trouble == "differs":
        monkeypatch.setattr("desktop.library.shelf.changing.filecmp.cmp", lambda *_, shallow: False)
    if trouble == "full":

        def full(source, target):
            raise OSError(errno.ENOSPC, "No space left on device", str(target))

        monkeypatch.setattr("desktop.library.shelf.changing.shutil.copy2", full)
    with pytest.raises(ShelfError, match="still here"):
        move(model, other_disk, home, stop)
    assert content(model) == before
    assert list(other_disk.iterdir()) == []


def test_not_into_itself(home, adapter):
    with pytest.raises(ShelfError, match="inside"):
        move(adapter, adapter, home, never)
