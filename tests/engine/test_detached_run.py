"""A detached engine: from a task in a folder to an adapter, with nobody holding on to it."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import SimpleNamespace

import pytest

from desktop.api import CheckpointSaved, SaveNow, StepDone, StopAndKeep, StopAtLoss, TrainSettings, TrainStarted
from desktop.engine.child.training import train
from desktop.engine.process import Launch
from desktop.engine.runs import space
from desktop.engine.runs.control import send, wish_share
from desktop.engine.runs.entries import Died, Launched, Obeyed, RunEnded
from desktop.engine.runs.launch import RunNotStarted, start_run, write_task
from desktop.engine.runs.lock import RunLock, holder
from desktop.library.runs.history import Follower
from tests.runs_kit import (
    TRAINER,
    entries,
    events,
    kill,
    make_pretended,
    make_run,
    result_bytes,
    start,
    task_for,
    wait_for_end,
    wait_until,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

SLOW = {"pace": 0.02}


@pytest.fixture
def model(tmp_path):
    """A pretended model."""
    return make_pretended(tmp_path / "model")


@pytest.fixture
def new_run(tmp_path, model):
    """Makes folders of runs; whatever still runs in one after the test is killed."""
    made = []

    def make(name="a run", **more):
        made.append(make_run(tmp_path / "runs" / name, model, **more))
        return made[-1]

    yield make
    for folder in made:
        kill(folder)
        wait_until(lambda folder=folder: holder(folder.lock) is None)


@pytest.fixture
def run_here(new_run, monkeypatch):
    """Makes a run and does it in this very process, without starting any; the folder and its last word."""
    monkeypatch.syspath_prepend(str(TRAINER.parent))
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(before=lambda run: None, **more):
        folder = new_run(**more)
        before(folder)
        train(folder, "here")
        return folder, events(folder, RunEnded)[-1]

    yield run
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_a_whole_run(new_run, tmp_path):
    run = new_run(result_to=str(tmp_path / "loras" / "out"))
    start(run)
    ended = wait_for_end(run)
    assert (ended.how, ended.message, ended.report.steps) == ("finished", "", 20)
    assert [event.step for event in events(run, StepDone)] == list(range(1, 21))
    assert [event.step for event in events(run, CheckpointSaved)] == [5, 10, 15, 20]
    assert ended.result == str(tmp_path / "loras" / "out")
    copied = {file.name: file.read_bytes() for file in (tmp_path / "loras" / "out").iterdir()}
    assert copied == result_bytes(run)
    assert [path.name for path in (tmp_path / "loras").iterdir()] == ["out"]
    times = [entry.time for entry in entries(run)]
    assert times == sorted(times)
    assert abs(times[-1] - time.time()) < 60


def test_it_is_nobodys_child_and_has_a_session_of_its_own(new_run):
    run = new_run(load=SLOW)
    start(run)
    who = holder(run.lock)
    assert os.getsid(who.pid) not in {os.getsid(0), 0}
    assert events(run, Launched)[0].pid == who.pid


def test_the_result_overwrites_nothing(run_here, tmp_path):
    target = tmp_path / "loras" / "out"
    target.mkdir(parents=True)
    (target / "mine.txt").write_text("mine")
    _, ended = run_here(result_to=str(target))
    assert ended.result == str(target.with_name("out-2"))
    assert ended.message == "out was taken meanwhile, so the adapter is called out-2."
    assert [file.name for file in target.iterdir()] == ["mine.txt"]


def test_commands_are_heard_between_two_steps(new_run):
    run = new_run(load=SLOW, settings=TrainSettings(max_steps=5000, save_every=0))
    start(run)
    wait_until(lambda: events(run, StepDone))
    send(run, SaveNow())
    wait_until(lambda: events(run, CheckpointSaved))
    send(run, StopAndKeep())
    ended = wait_for_end(run)
    assert (ended.how, ended.report.reason) == ("stopped", "stopped")
    assert [event.command for event in events(run, Obeyed)] == ["save", "stop"]
    assert result_bytes(run).keys() == {"adapter_config.json", "adapter_model.safetensors"}


def test_the_loss_to_stop_at_changes_while_it_runs(run_here):
    run, ended = run_here(lambda run: send(run, StopAtLoss(1.5)), settings=TrainSettings(max_steps=5000))
    assert (ended.how, ended.report.reason) == ("finished", "loss")
    assert events(run, StepDone)[-1].smoothed_loss <= 1.5 < events(run, StepDone)[-2].smoothed_loss


def test_sigterm_stops_and_keeps(new_run):
    run = new_run(load=SLOW, settings=TrainSettings(max_steps=5000))
    start(run)
    wait_until(lambda: events(run, StepDone))
    # To the watcher as well, as when the user logs out.
    os.killpg(os.getpgid(holder(run.lock).pid), signal.SIGTERM)
    ended = wait_for_end(run)
    assert (ended.how, ended.report.reason) == ("stopped", "stopped")


def test_a_second_signal_ends_at_once(new_run):
    run = new_run(load={"pace": 5.0}, settings=TrainSettings(max_steps=5000))
    start(run)
    wait_until(lambda: events(run, TrainStarted))
    pid = holder(run.lock).pid
    os.kill(pid, signal.SIGTERM)
    time.sleep(1.1)
    os.kill(pid, signal.SIGTERM)
    ended = wait_for_end(run)
    assert (ended.how, ended.report) == ("stopped", None)
    assert not run.adapter.exists()


def test_a_killed_worker_is_told_by_its_watcher(new_run):
    run = new_run(load=SLOW, settings=TrainSettings(max_steps=5000))
    start(run)
    wait_until(lambda: events(run, StepDone))
    kill(run)
    died = wait_until(lambda: events(run, Died))
    assert died[0].reason == "it was killed from outside (SIGKILL)"


@pytest.mark.parametrize(
    ("mishap", "sentence"),
    [
        ("if step == 3: raise MemoryError", "There is not enough memory for this."),
        ("if step == 3: raise ValueError('odd')", "The loader failed unexpectedly: ValueError: odd"),
        ("if step == 3: raise SystemExit(2)", "The loader failed unexpectedly: SystemExit: 2"),
        ("if step == 3: raise OSError(28, 'No space left', 'x')", "The disk is full (x). Free some space"),
    ],
)
def test_a_failure_is_told_in_words_and_saves_nothing(run_here, tmp_path, mishap, sentence):
    run, ended = run_here(load={"mishap": mishap}, result_to=str(tmp_path / "loras" / "out"))
    assert ended.how == "failed"
    assert ended.message.startswith(sentence)
    assert "Traceback" in ended.detail
    assert not run.adapter.exists()
    assert not (tmp_path / "loras").exists()


def test_a_crash_of_a_library_is_told(new_run):
    run = new_run(load={"mishap": "if step == 3: os.kill(os.getpid(), 11)"})
    start(run)
    died = wait_until(lambda: events(run, Died))
    assert died[0].reason == "a library inside it crashed (SIGSEGV)"
    assert not events(run, RunEnded)


def test_two_runs_at_once_and_a_watcher_that_comes_late(new_run):
    runs = [new_run(f"run {number}", load={"pace": 0.01}, settings=TrainSettings(max_steps=60)) for number in (1, 2)]
    for run in runs:
        start(run)
    early = Follower(runs[0])
    wait_until(lambda: early.read() and early.history.step > 5)
    late = Follower(runs[0])
    assert late.read()[0].event.pid == events(runs[0], Launched)[0].pid
    for run in runs:
        assert wait_for_end(run).how == "finished"
    for follower in (early, late):
        follower.read()
        assert [step.step for step in follower.history.steps] == list(range(1, 61))
    assert result_bytes(runs[0]) == result_bytes(runs[1])


def test_two_engines_never_run_one_run(new_run):
    run = new_run(load=SLOW, settings=TrainSettings(max_steps=5000))
    start(run)
    with pytest.raises(RunNotStarted, match="is running already"):
        start(run)
    assert len(events(run, Launched)) == 1


def test_a_lock_that_a_dead_process_left_means_nothing(new_run):
    run = new_run()
    lock = RunLock(run.lock)
    assert holder(run.lock).pid == os.getpid()
    lock.release()
    assert run.lock.read_bytes()
    assert holder(run.lock) is None
    start(run)
    assert wait_for_end(run).how == "finished"


def test_an_old_command_is_for_the_old_start(run_here, model):
    def told_before(run):
        send(run, StopAndKeep())
        write_task(run, task_for(run, model))

    assert run_here(told_before)[1].report.reason == "steps"


def test_a_stop_before_the_first_step(run_here):
    run, ended = run_here(lambda run: send(run, StopAndKeep()))
    assert (ended.how, ended.report) == ("stopped", None)
    assert not events(run, TrainStarted)


def test_a_disk_without_room_is_told_before_the_first_step(run_here, monkeypatch):
    monkeypatch.setattr(space.shutil, "disk_usage", lambda path: SimpleNamespace(free=20_000_000))
    run, ended = run_here()
    assert ended.message.startswith("The disk has 0.02 GB free and this run may write 0.07 GB. Free some space,")
    assert not events(run, StepDone)
    assert not run.checkpoints.exists()


def test_an_interpreter_that_is_not_there(new_run):
    run = new_run()
    with pytest.raises(RunNotStarted, match="/no/python can't be started"):
        start_run(run, Launch("/no/python"))


def test_it_rests_and_shares_the_cores_as_long_as_somebody_wishes_it(new_run):
    run = new_run(load={"pace": 0.01}, settings=TrainSettings(max_steps=100_000, save_every=0))
    start(run)
    wait_until(lambda: events(run, StepDone))
    wish_share(run, 2, 3.0)
    rested = wait_until(lambda: run.resting.exists() and run.resting.read_bytes())
    assert b"until" in rested
    time.sleep(0.2)
    before = len(events(run, StepDone))
    time.sleep(1.5)
    resting = len(events(run, StepDone)) - before
    wish_share(run, 1, 0.0)
    time.sleep(0.2)
    before = len(events(run, StepDone))
    time.sleep(1.5)
    assert resting < 0.6 * (len(events(run, StepDone)) - before)
