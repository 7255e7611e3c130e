"""Ways in which something of the user's could get lost while the library is changed: none of them does."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from desktop.api import TrainStarted
from desktop.datasets import DataPlan
from desktop.engine.runs.entries import Entry, Launched
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lines import append_line
from desktop.engine.runs.lock import RunLock
from desktop.library.adapter_notes import AdapterNote, adapter_key, read_notes, write_note
from desktop.library.home_lock import home_lock
from desktop.library.runs.run_file import Base as RunBase
from desktop.library.runs.run_file import RunFile, StackRow, write_run_file
from desktop.library.shelf import changing, problems
from desktop.library.shelf.changing import move, rename
from desktop.library.shelf.dependents import find_dependents
from desktop.library.shelf.marks import read_marks, set_tags
from desktop.library.shelf.problems import ShelfError
from desktop.library.shelf.renaming import rename_all
from desktop.library.shelf.trash import empty_trash, list_trash, move_to_trash, restore
from desktop.library.shelf.units import unit_of
from desktop.library.shelf.uses import reason_in_use, uses_of_runs
from tests.library.hub.repositories import content
from tests.library.making import make_adapter, make_model

WRITER = """
import sys
from pathlib import Path
from desktop.library.shelf.marks import set_tags
for number in range(25):
    set_tags(Path(sys.argv[1]), f"{sys.argv[2]}-{number}", ("kept",))
"""
HOLDER = """
import sys, time
from pathlib import Path
from desktop.library.home_lock import home_lock
with home_lock(Path(sys.argv[1]), "shelf"):
    print("held", flush=True)
    sys.stdin.read()
"""


def never():
    return False


@pytest.fixture
def adapter(home):
    return make_adapter(home.loras / "pirate")


def run(code, *args):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_two_windows_write_tags_at_once_and_none_is_lost(home):
    home.root.mkdir(parents=True, exist_ok=True)
    windows = [run(WRITER, home.root, name) for name in "ab"]
    for window in windows:
        window.communicate(timeout=60)
    assert [window.returncode for window in windows] == [0, 0]
    assert len(read_marks(home.root)[0]) == 50


def test_while_another_window_changes_the_library_nobody_else_does(home, adapter, tmp_path, monkeypatch):
    monkeypatch.setattr(problems, "PATIENCE", 0.2)
    unit, before = unit_of(adapter, home), content(adapter)
    other = run(HOLDER, home.root)
    assert other.stdout.readline() == b"held\n"
    for act in (
        lambda: rename(adapter, "corsair", home),
        lambda: move(adapter, tmp_path, home, never),
        lambda: move_to_trash(unit, home),
    ):
        with pytest.raises(ShelfError, match="Another window"):
            act()
    assert content(adapter) == before
    # A window that was killed holds nothing.
    other.kill()
    other.communicate()
    assert rename(adapter, "corsair", home).is_dir()


def test_the_lock_may_be_held_again_by_whom_it_is_held(home):
    with home_lock(home.root, "shelf", patience=0.1), home_lock(home.root, "shelf", patience=0.1):
        assert (home.root / ".shelf.lock").exists()


def test_what_is_written_while_it_is_copied_is_not_deleted(home, other_disk, adapter, monkeypatch):
    real = changing._copy

    def copy(source, target, stop):
        real(source, target, stop)
        if source == adapter:
            (adapter / "notes.txt").write_text("written meanwhile")

    monkeypatch.setattr(changing, "_copy", copy)
    with pytest.raises(ShelfError, match="changed while it was copied"):
        move(adapter, other_disk, home, never)
    assert (adapter / "notes.txt").read_text() == "written meanwhile"
    assert list(other_disk.iterdir()) == []


def test_a_link_that_would_lead_nowhere_is_not_moved(home, tmp_path):
    model = make_model(home.models / "m")
    blob = home.root / "blobs" / "weights"
    blob.parent.mkdir()
    blob.write_bytes(b"weights")
    (model / "weights.bin").symlink_to("../../blobs/weights")
    with pytest.raises(ShelfError, match="leads nowhere"):
        move(model, tmp_path, home, never)
    assert (model / "weights.bin").read_bytes() == b"weights"
    # Beside where it was it leads where it led.
    assert (rename(model, "n", home) / "weights.bin").read_bytes() == b"weights"


def test_links_within_it_and_absolute_ones_go_along(home, tmp_path):
    model = make_model(home.models / "m")
    (tmp_path / "far").write_bytes(b"far")
    (model / "near").symlink_to("config.json")
    (model / "far").symlink_to(tmp_path / "far")
    (tmp_path / "there").mkdir()
    moved = move(model, tmp_path / "there", home, never)
    assert (moved / "near").read_bytes() == (moved / "config.json").read_bytes()
    assert (moved / "far").read_bytes() == b"far"


def test_where_a_disk_goes_in_the_middle_it_is_said_what_is_where(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    pairs = []
    for number in (1, 2):
        (tmp_path / f"a-{number}").write_bytes(b"%d" % number)
        pairs.append((tmp_path / f"a-{number}", tmp_path / "out" / f"a-{number}"))
    real, gone = Path.rename, []

    def unplugged(self, target):
        if gone or self.name == "a-2":
            gone.append(self)
            raise OSError(errno.EIO, "Input/output error", str(self))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", unplugged)
    with pytest.raises(ShelfError, match="Nothing is lost") as caught:
        rename_all(pairs)
    assert str(pairs[0][1]) in str(caught.value)
    assert pairs[0][1].read_bytes() == b"1"
    assert pairs[1][0].read_bytes() == b"2"


def test_with_a_full_disk_nothing_is_deleted(home, adapter, monkeypatch):
    unit, before = unit_of(adapter, home), content(adapter)

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("desktop.library.shelf.trash.write_atomically", full)
    with pytest.raises(ShelfError, match=r"No space left.*Nothing was deleted"):
        move_to_trash(unit, home)
    assert content(adapter) == before
    assert list(home.trash.iterdir()) == []


def test_a_library_on_another_disk_than_the_trash_says_what_to_do(home, adapter, monkeypatch):
    unit, before = unit_of(adapter, home), content(adapter)

    def other(self, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link", str(self))

    with monkeypatch.context() as patched:
        patched.setattr("desktop.library.shelf.renaming.Path.rename", other)
        with pytest.raises(ShelfError, match="file manager"):
            move_to_trash(unit, home)
    assert content(adapter) == before


def test_a_name_in_other_letters_does_not_replace_the_other_one(home, adapter):
    other = make_adapter(home.loras / "parrot", rank=4)
    before = content(home.loras)
    with pytest.raises(ShelfError, match="is there already"):
        rename(other, "pirate", home)
    assert content(home.loras) == before
    assert content(rename(adapter, "Pirate", home)) != {}
    assert sorted(path.name for path in home.loras.iterdir()) == ["Pirate", "parrot"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_is_only_read_is_left_as_it_is(home, adapter):
    home.loras.chmod(0o500)
    try:
        with pytest.raises(ShelfError, match="permissions"):
            rename(adapter, "corsair", home)
    finally:
        home.loras.chmod(0o700)
    assert adapter.is_dir()


def test_notes_that_cannot_be_carried_stay_where_they_are(home, adapter, monkeypatch):
    write_note(home.root, adapter_key(str(adapter)), AdapterNote(notes="Arr"))
    set_tags(home.root, adapter_key(str(adapter)), ("sea",))

    def refuse(path, data):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr("desktop.library.adapter_notes.write_atomically", refuse)
    with pytest.raises(ShelfError, match=r"corsair.*Read-only"):
        rename(adapter, "corsair", home)
    assert read_notes(home.root)[0] == {adapter_key(str(adapter)): AdapterNote(notes="Arr")}


def test_what_comes_back_while_the_trash_is_emptied_is_not_lost(home, adapter):
    before = content(adapter)
    trashed = move_to_trash(unit_of(adapter, home), home)
    restore(trashed, home)
    assert empty_trash(home) == 0
    assert content(adapter) == before
    assert list_trash(home) == []


def test_what_a_running_training_holds_is_not_touched_and_later_is(home, adapter):
    base, first = make_model(home.models / "m"), make_adapter(home.loras / "first")
    folder = RunFolder(home.runs / "a run")
    folder.root.mkdir(parents=True)
    stack = (StackRow(name="pirate", path=str(adapter), weight=1.0),)
    data = DataPlan(sources=(str(home.datasets / "rows.json"),))
    run = RunFile(name="new", model=RunBase(name="m", path=str(base)), stack=stack, continue_from=str(first), data=data)
    write_run_file(folder.run_file, run)
    lock = RunLock(folder.lock)
    for event in (Launched(pid=1), TrainStarted(steps=40)):
        append_line(folder.events, Entry(0.0, event))
    for path in (base, adapter, first):
        assert "The training new uses it" in reason_in_use(unit_of(path, home), uses_of_runs(home))
    lock.release()
    assert uses_of_runs(home) == []
    # It could go on once: that is said, and forbids nothing.
    needs = find_dependents("model", base, "m", (), home, lambda path: "")
    assert needs.in_words() == ("Trainings that can't go on without it (1): new.",)
