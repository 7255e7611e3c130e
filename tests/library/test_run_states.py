"""Runs in the library: ids, the log's torn lines, the state that follows from log and lock, kills and resumes."""

from __future__ import annotations

import os
import random
import signal
import sys
import time

import msgspec
import pytest

from desktop.api import CheckpointSaved, StepDone, TrainReport, TrainSettings, TrainStarted
from desktop.engine.runs.entries import Died, Entry, Launched, Preparing, RunEnded
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.launch import write_task
from desktop.engine.runs.lines import Tail, append_line
from desktop.engine.runs.lock import RunLock, holder
from desktop.library.runs.history import Follower, checkpoints_of, read_history
from desktop.library.runs.making import run_id
from desktop.library.runs.presets import PRESETS, preset
from desktop.library.runs.state import state_of
from tests.runs_kit import (
    kill,
    make_pretended,
    make_run,
    result_bytes,
    start,
    task_for,
    wait_for_end,
    wait_until,
)


@pytest.fixture
def folder(tmp_path):
    """An empty run's folder."""
    (tmp_path / "a run").mkdir()
    return RunFolder(tmp_path / "a run")


def say(folder, *events):
    """Write these into its log."""
    for event in events:
        append_line(folder.events, Entry(time.time(), event))


def step(number):
    """A step that was done."""
    return StepDone(
        step=number, epoch=0.1, loss=1.0 / number, smoothed_loss=1.0, learning_rate=1e-4, gradient_norm=1.0, tokens=50,
        seconds=0.5,
    )  # fmt: skip


def saved(folder, number):
    """A checkpoint on the disk, and the event that tells of it."""
    path = folder.checkpoints / f"step-{number}"
    path.mkdir(parents=True)
    return CheckpointSaved(step=number, folder=str(path), bytes=1)


def phase(folder):
    """Phase and sentence."""
    state = state_of(folder, read_history(folder))
    return state.phase, state.sentence


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("pirate", "2026-11-25-pirate"),
        ("my v1.5 (é🙂)", "2026-11-25-my-v1.5-é"),
        ("../../etc", "2026-11-25-etc"),
        ("..", "2026-11-25-run"),
        ("🙂", "2026-11-25-run"),
        ("a" * 300, "2026-11-25-" + "a" * 60),
        ("con", "2026-11-25-con"),
        ("日本", "2026-11-25-日本"),
    ],
)
def test_ids_are_readable_and_stay_in_their_folder(name, wanted):
    assert run_id(name, "2026-11-25") == wanted


def test_a_run_that_never_began(folder):
    assert phase(folder) == ("preparing", "It was prepared and never started.")


def test_the_states_of_a_living_run(folder):
    lock = RunLock(folder.lock)
    say(folder, Launched(pid=1), Preparing(text="Reading"))
    assert phase(folder) == ("preparing", "The model is being loaded: Reading.")
    say(folder, TrainStarted(steps=40), step(1))
    assert phase(folder) == ("running", "It is at step 1 of 40.")
    lock.release()
    assert phase(folder)[0] == "crashed"


def test_a_crash_says_what_is_lost(folder):
    say(folder, Launched(pid=1), TrainStarted(steps=400), *map(step, range(1, 121)), saved(folder, 100))
    assert phase(folder) == (
        "crashed",
        "The engine ended without a word at step 120. The last checkpoint is step 100; resuming loses 20 steps.",
    )
    say(folder, Died(reason="it was killed from outside (SIGKILL)"))
    assert phase(folder)[1].startswith("The engine is gone: it was killed from outside (SIGKILL), at step 120.")


def test_a_crash_before_the_first_checkpoint(folder):
    say(folder, Launched(pid=1), TrainStarted(steps=400), step(1))
    assert phase(folder)[1].endswith("There is no checkpoint; resuming begins anew and loses 1 step.")


def test_a_failure_keeps_its_sentence(folder):
    say(folder, Launched(pid=1), TrainStarted(steps=9), step(1), RunEnded(how="failed", message="The disk is full."))
    assert phase(folder)[0] == "failed"
    assert phase(folder)[1].startswith("The disk is full. There is no checkpoint;")


@pytest.mark.parametrize(
    ("how", "reason", "words"),
    [
        ("finished", "steps", "It ended after all its steps at step 9."),
        ("stopped", "stopped", "It ended on request, with what it had learnt, at step 9."),
        ("finished", "loss", "It ended because its loss was low enough, at step 9."),
    ],
)
def test_how_it_ended(folder, how, reason, words):
    report = TrainReport(folder="x", steps=9, reason=reason)
    say(folder, Launched(pid=1), TrainStarted(steps=9), RunEnded(how=how, report=report))
    assert phase(folder) == (how, words)


def test_a_resumed_run_counts_no_step_twice(folder):
    say(folder, Launched(pid=1), TrainStarted(steps=40), *map(step, range(1, 13)), saved(folder, 10))
    say(folder, Launched(pid=2, resume_step=10), TrainStarted(steps=40, first_step=10), *map(step, range(11, 15)))
    history = read_history(folder)
    assert [done.step for done in history.steps] == list(range(1, 15))
    assert history.launches == 2
    assert history.tokens_per_second == pytest.approx(100.0)
    assert history.seconds_left == pytest.approx(13.0)


def test_a_checkpoint_counts_if_log_and_disk_know_it(folder):
    say(folder, Launched(pid=1), TrainStarted(steps=40), saved(folder, 10), saved(folder, 20))
    saved(folder, 30)  # written, and the process killed before it could say so
    (folder.checkpoints / "step-10").rmdir()
    assert checkpoints_of(folder, read_history(folder)) == [20]


def test_torn_lines_are_passed_over(folder):
    say(folder, Launched(pid=1))
    whole = msgspec.json.encode(Entry(1.0, step(1)))
    for cut in range(1, len(whole), 7):
        with folder.events.open("ab") as file:
            file.write(whole[:cut])
        say(folder, step(cut + 1))
    follower = Follower(folder)
    cuts = len(range(1, len(whole), 7))
    assert len(follower.read()) == 1 + cuts
    assert follower._tail.torn == cuts


def test_a_watcher_takes_a_line_when_it_is_whole(folder):
    follower = Follower(folder)
    assert follower.read() == []
    line = msgspec.json.encode(Entry(1.0, step(1))) + b"\n"
    for cut in (10, 50, len(line) - 1):
        folder.events.write_bytes(line[:cut])
        assert follower.read() == []
    folder.events.write_bytes(line + line[:20])
    assert [entry.event.step for entry in follower.read()] == [1]
    folder.events.write_bytes(line + line)
    assert [entry.event.step for entry in follower.read()] == [1]


def test_many_writers_spoil_no_line(folder):
    for number in range(1, 200):
        append_line(folder.control, {"type": "stop_at_loss", "loss": float(number)})
    assert len(Tail(folder.control, dict).read()) == 199


def test_every_preset_has_a_name_of_its_own():
    assert len({one.name for one in PRESETS}) == len(PRESETS)
    assert preset("quick look") is PRESETS[0]
    assert preset("nothing") is None


def resume(folder, model, load, settings):
    """Start again from the newest checkpoint, as the command line does."""
    kept = checkpoints_of(folder, read_history(folder))
    write_task(folder, task_for(folder, model, settings, load, resume_step=kept[-1] if kept else 0))
    start(folder)


def wait_for_step(folder, count):
    """Wait until that many steps are done, or it has ended."""
    follower = Follower(folder)

    def there():
        follower.read()
        return follower.history.step >= count or holder(folder.lock) is None

    wait_until(there)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 20))])
def test_killed_at_a_random_moment_and_resumed_it_gives_the_same_bytes(tmp_path, seed):
    chance = random.Random(seed)
    model = make_pretended(tmp_path / "model")
    settings = TrainSettings(max_steps=60, save_every=7, seed=seed)
    whole = make_run(tmp_path / "whole", model, settings=settings)
    start(whole)
    broken = make_run(tmp_path / "broken", model, settings=settings, load={"pace": 0.004})
    start(broken)
    for _ in range(2):
        wait_for_step(broken, chance.randrange(0, 55))
        time.sleep(chance.random() * 0.02)
        kill_some(broken, chance)
        wait_until(lambda: holder(broken.lock) is None)
        state = state_of(broken, read_history(broken))
        assert state.phase in {"crashed", "finished"}
        if state.phase == "finished":
            break
        assert not broken.adapter.exists() or state.step == 60
        resume(broken, model, {"pace": 0.004}, settings)
    assert wait_for_end(broken).how == "finished"
    assert wait_for_end(whole).how == "finished"
    assert result_bytes(broken) == result_bytes(whole)
    steps = [done.step for done in read_history(broken).steps]
    assert steps == list(range(1, 61))


def kill_some(folder, chance):
    """The worker alone, or its watcher with it, as when the machine goes down."""
    who = holder(folder.lock)
    if chance.random() < 0.5 or who is None or not who.pid:
        kill(folder)
        return
    try:
        os.killpg(os.getpgid(who.pid), signal.SIGKILL)
    except ProcessLookupError:
        pass
