"""Checkpoints of runs as versions of adapters: listed, found by name, taken away under a name of their own, guarded."""

from __future__ import annotations

import pytest

from desktop.api import Lora
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import RunLock
from desktop.library.adapter_notes import AdapterNote, adapter_key, read_notes, write_note
from desktop.library.adapters import list_adapters
from desktop.library.names import NameNotFound, adapter_row, find_adapter, parse_loras
from desktop.library.runs.listing import run_entry
from desktop.library.settings import Settings
from desktop.library.shelf.changing import rename
from desktop.library.shelf.items import make_items
from desktop.library.shelf.problems import ShelfError
from desktop.library.shelf.trash import move_to_trash, restore
from desktop.library.shelf.units import unit_of
from desktop.library.shelf.uses import reason_in_use, uses_of_runs
from tests.library.hub.repositories import content
from tests.library.making import make_adapter
from tests.library.runs_making import make_checkpoint, make_run_with_checkpoints

NONE = Settings()


@pytest.fixture
def run(home):
    return make_run_with_checkpoints(home, "2026-11-25-pirate", "pirate é", (50, 100))


def names(home):
    return [entry.name for entry in list_adapters(home, NONE)]


def reason(path, home):
    return reason_in_use(unit_of(path, home), uses_of_runs(home))


def test_listed_below_the_adapter_with_their_loss(home, run):
    entries = list_adapters(home, NONE)
    assert [(one.name, one.problem, one.rank) for one in entries] == [
        ("pirate é", "", 8), ("pirate é/step-50", "", 8), ("pirate é/step-100", "", 8),
    ]  # fmt: skip
    assert entries[1].file == ".safetensors"
    items = make_items([], entries, home)
    assert [(item.run, item.loss, item.own) for item in items] == [
        ("", None, True), ("2026-11-25-pirate", 2.0, True), ("2026-11-25-pirate", 1.0, True),
    ]  # fmt: skip


def test_found_by_name_wherever_an_adapter_is_asked_for(home, run):
    path = run.checkpoints / "step-50"
    assert find_adapter("pirate é/step-50", home, NONE) == path
    row = adapter_row("pirate é/step-50", home, NONE)
    assert row == Lora(id=row.id, name="pirate é/step-50", path=str(path))
    (weighed,) = parse_loras(["pirate é/step-100=0.5"], home, NONE)
    assert (weighed.name, weighed.path, weighed.weight) == ("pirate é/step-100", str(run.checkpoints / "step-100"), 0.5)
    for text in ("pirate é/step-51", "nobody/step-50", "step-50", "pirate é/../step-50"):
        with pytest.raises(NameNotFound):
            find_adapter(text, home, NONE)


def test_what_is_not_whole_or_damaged_is_no_version(home, run):
    (run.checkpoints / ".step-150.new").mkdir()
    (run.checkpoints / "other").mkdir()
    (run.checkpoints / "step-100" / "lora_deck.json").write_text("[")
    broken = RunFolder(home.runs / "broken")
    make_checkpoint(broken, 1)
    broken.run_file.write_text("name = ")
    assert names(home) == ["pirate é", "pirate é/step-50", "pirate é/step-100"]
    assert make_items([], list_adapters(home, NONE), home)[2].loss is None


def test_two_runs_of_one_name_are_told_apart(home, run):
    other = make_run_with_checkpoints(home, "2026-11-26-pirate", "pirate é", (50,), finished=False)
    assert names(home)[-1] == str(other.checkpoints / "step-50")
    assert find_adapter("pirate é/step-50", home, NONE) == run.checkpoints / "step-50"
    assert find_adapter(names(home)[-1], home, NONE) == other.checkpoints / "step-50"


def test_renamed_away_it_is_an_adapter_of_its_own(home, run):
    path = run.checkpoints / "step-50"
    before, note = content(path), AdapterNote(notes="the best")
    write_note(home.root, adapter_key(str(path)), note)
    assert reason(path, home) == ""
    now = rename(path, "best", home)
    assert now == home.loras / "best"
    assert content(now) == before
    assert names(home) == ["best", "pirate é", "pirate é/step-100"]
    assert read_notes(home.root)[0] == {adapter_key(str(now)): note}
    assert run_entry(run).checkpoints == (100,), "the run knows it no more"


def test_a_name_that_is_taken_is_refused_and_nothing_moves(home, run):
    path = run.checkpoints / "step-50"
    with pytest.raises(ShelfError, match="is there already"):
        rename(path, "pirate é", home)
    assert path.is_dir()


def test_its_own_name_is_one_too(home, run):
    assert rename(run.checkpoints / "step-50", "step-50", home) == home.loras / "step-50"


def test_deleted_to_the_trash_and_back(home, run):
    path = run.checkpoints / "step-50"
    before = content(path)
    trashed = move_to_trash(unit_of(path, home), home)
    assert names(home) == ["pirate é", "pirate é/step-100"]
    assert restore(trashed, home) == path
    assert content(path) == before


def test_a_finished_run_lets_go_of_all(home, run):
    assert [reason(run.checkpoints / f"step-{step}", home) for step in (50, 100)] == ["", ""]


def test_an_unfinished_run_keeps_the_one_it_would_go_on_from(home):
    run = make_run_with_checkpoints(home, "r", "parrot", (50, 100), finished=False)
    assert reason(run.checkpoints / "step-50", home) == ""
    assert "The training parrot would go on from it" in reason(run.checkpoints / "step-100", home)


def test_a_running_one_keeps_all(home):
    run = make_run_with_checkpoints(home, "r", "parrot", (50, 100), finished=False)
    lock = RunLock(run.lock)
    try:
        for step in (50, 100):
            assert "is running and keeps its checkpoints itself" in reason(run.checkpoints / f"step-{step}", home)
    finally:
        lock.release()


@pytest.mark.parametrize("inside", ["run.toml", "checkpoints", "adapter", "checkpoints/other", "checkpoints/step-x"])
def test_nothing_else_of_a_run_can_be_changed(home, run, inside):
    path = run.root / inside
    if not path.exists():
        make_adapter(path)
    with pytest.raises(ShelfError, match="only read"):
        unit_of(path, home)


def test_behind_a_link_it_is_only_read(home, run, tmp_path):
    run.checkpoints.rename(tmp_path / "away")
    run.checkpoints.symlink_to(tmp_path / "away")
    with pytest.raises(ShelfError, match="is a link"):
        unit_of(run.checkpoints / "step-50", home)
