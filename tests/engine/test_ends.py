"""Engines that hang or die, and threads that start and end them as they like."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time

import pytest

from desktop.engine import connection
from desktop.engine.connection import Life
from desktop.engine.jobs import EngineGone
from desktop.engine.process import QUEUE_LIMIT, EngineProcess, Launch
from tests.clocks import at_once
from tests.engine.puppets import SOON, generate, load, outcome, row, say, start_load, wait_until

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
HANG = "time.sleep(3600)"
AN_HOUR = 3600.0


def hanging(engine, where):
    """A job that hangs, and has begun to."""
    if where == "loading":
        job = start_load(engine, f"progress('loading')\n{HANG}")
    else:
        load(engine)
        begun = f"open('begun', 'w').close()\n{HANG}"
        job = engine.apply_lora(row("a", code=f"before: {begun}")) if where == "attaching" else generate(engine, begun)
    if where == "loading":
        next(job.events(SOON))
    else:
        wait_until((engine._logs / "begun").exists)
    return job


@posix
@pytest.mark.parametrize("where", ["loading", "generating", "attaching"])
def test_killed_from_outside_while_busy(engine, where):
    jobs = [hanging(engine, where), engine.count_tokens("x"), generate(engine, "yield Chunk()")]
    os.kill(engine.pid, signal.SIGKILL)
    assert [outcome(job) for job in jobs] == ["it was killed from outside (SIGKILL)"] * 3
    assert engine.pid is None
    assert outcome(engine.count_tokens("x")) == "it was killed from outside (SIGKILL)"
    engine.start()
    load(engine)
    assert say(engine, "yield Chunk(text='again')") == "again"


@pytest.mark.parametrize("where", ["loading", "generating", "attaching"])
def test_kill_cancels_whatever_it_is_doing(engine, where):
    jobs = [hanging(engine, where), engine.count_tokens("x")]
    with at_once():
        engine.kill()
    assert [outcome(job) for job in jobs] == ["cancelled"] * 2
    assert outcome(engine.count_tokens("x")) == "it was ended on request"


@posix
def test_a_child_that_stopped_reading_blocks_nobody(loaded, monkeypatch):
    """More is sent than pipe and queue can hold; each send returns at once, and the last ones are refused."""
    monkeypatch.setattr(EngineProcess.close, "__defaults__", (AN_HOUR,))
    os.kill(loaded.pid, signal.SIGSTOP)
    with at_once():
        jobs = [loaded.count_tokens("word " * 500) for _ in range(QUEUE_LIMIT + 200)]
    assert outcome(jobs[-1]) == "it has stopped reading"
    with at_once():  # a full queue is not waited for
        jobs[0].cancel()
        loaded.close()
    endings = [outcome(job) for job in jobs]
    assert set(endings) == {"cancelled", "it has stopped reading"}
    assert endings[:900] == ["cancelled"] * 900


@posix
def test_a_child_that_stopped_is_killed_by_close_after_the_grace(loaded, monkeypatch):
    monkeypatch.setattr(EngineProcess.close, "__defaults__", (0.3,))
    os.kill(loaded.pid, signal.SIGSTOP)
    job = loaded.count_tokens("x")
    started = time.monotonic()
    with at_once():
        loaded.close()
    assert time.monotonic() - started > 0.25
    assert outcome(job) == "cancelled"


@posix
def test_a_child_that_stopped_is_killed_at_once_by_kill(loaded, monkeypatch):
    monkeypatch.setattr(EngineProcess.close, "__defaults__", (AN_HOUR,))
    os.kill(loaded.pid, signal.SIGSTOP)
    jobs = [loaded.count_tokens("word " * 100_000) for _ in range(3)]
    with at_once():
        loaded.kill()
    assert [outcome(job) for job in jobs] == ["cancelled"] * 3


@posix
def test_a_child_that_goes_on_later_does_everything(loaded):
    number = loaded.pid
    os.kill(number, signal.SIGSTOP)
    jobs = [loaded.count_tokens("word " * 1000) for _ in range(200)]
    os.kill(number, signal.SIGCONT)
    assert [job.result(SOON) for job in jobs] == [1000] * 200


@posix
def test_a_child_that_closes_its_pipe_and_stays_is_ended(loaded, monkeypatch):
    monkeypatch.setattr("desktop.engine.process.END_GRACE", 0.3)
    job = generate(loaded, f"os.closerange(3, 100)\n{HANG}\nyield")
    assert outcome(job) == "it closed its end of the pipe"
    assert loaded.pid is None


def test_garbage_from_the_child_ends_it_and_every_job(loaded):
    job = generate(loaded, "for fd in range(3, 12):\n    try: os.write(fd, b'ZZZZZZ')\n    except OSError: pass\nyield")
    assert outcome(job).startswith("it sent something that can't be read (a message of ")
    assert outcome(loaded.count_tokens("x")) == loaded.end_reason


def test_ending_it_twice_from_several_threads(loaded):
    job = generate(loaded, f"yield Chunk()\n{HANG}")
    next(job.events(SOON))
    threads = [threading.Thread(target=end) for end in (loaded.kill, loaded.close, loaded.kill, loaded.close)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert outcome(job) == "cancelled"
    assert loaded.pid is None


def test_a_kill_that_returns_late_leaves_the_next_process_alone(loaded, monkeypatch):
    """One thread kills; another sees its job cancelled and starts anew before the first has come back."""
    kill, come_back = EngineProcess.kill, threading.Event()

    def kill_and_dawdle(self):
        kill(self)
        come_back.wait(SOON)

    monkeypatch.setattr(EngineProcess, "kill", kill_and_dawdle)
    job = generate(loaded, f"yield Chunk()\n{HANG}")
    killer = threading.Thread(target=loaded.kill)
    killer.start()
    assert outcome(job) == "cancelled"
    loaded.start()
    load(loaded)
    come_back.set()
    killer.join()
    assert say(loaded, "yield Chunk(text='alive')") == "alive"
    monkeypatch.undo()


def test_a_late_end_of_the_old_process_does_not_reach_the_jobs_of_the_new_one(loaded):
    old = loaded._life
    loaded.kill()
    loaded.start()
    load(loaded)
    job = generate(loaded, "time.sleep(0.1)\nyield Chunk(text='mine')")
    old._on_end("late news")
    old._end(job.number, EngineGone("late news"))
    assert [chunk.text for chunk in job.events(SOON)] == ["mine"]
    assert loaded.pid is not None
    assert not loaded.end_reason


def test_kill_ends_the_wait_for_hello(new_engine, tmp_path):
    silent = tmp_path / "python"
    silent.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    silent.chmod(0o755)
    engine = new_engine(launch=Launch(str(silent)))
    threading.Timer(0.2, engine.kill).start()
    with pytest.raises(EngineGone) as gone:
        engine.start()
    assert gone.value.reason == "it was ended on request"


def test_kill_while_the_process_is_being_made_is_not_lost(new_engine, monkeypatch):
    engine = new_engine()

    class Slow(Life):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            engine.kill()

    monkeypatch.setattr(connection, "Life", Slow)
    with pytest.raises(EngineGone, match="on request"):
        engine.start()
    assert engine.pid is None


def test_callbacks_may_end_the_process_they_come_from(loaded):
    """A job's listener runs on the reader's thread, which can't wait for itself."""
    job = generate(loaded, "yield Chunk()\ntime.sleep(0.05)\nyield Chunk()")
    put, errors = job.put, []

    def put_and_kill(event):
        put(event)
        try:
            loaded.kill()
        except BaseException as error:
            errors.append(error)

    job.put = put_and_kill
    assert outcome(job) == "cancelled"
    wait_until(lambda: loaded.pid is None)
    assert not errors


def test_anything_at_any_time(new_engine):
    """Threads that start, ask, cancel, kill and close as they like: every job ends, and in the end it still works."""
    engine = new_engine()
    jobs, stop = [], time.monotonic() + 2.0

    def meddle(seed):
        dice = random.Random(seed)
        while time.monotonic() < stop:
            match dice.randrange(8):
                case 0:
                    try:
                        engine.start()
                    except (EngineGone, RuntimeError):
                        pass
                case 1:
                    engine.kill()
                case 2:
                    engine.close()
                case 3 if jobs:
                    dice.choice(jobs).cancel()
                case 4:
                    jobs.append(start_load(engine))
                case _:
                    jobs.append(engine.warm())
                    time.sleep(dice.random() * 0.02)

    threads = [threading.Thread(target=meddle, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.close()
    assert len(jobs) > 50
    for job in jobs:
        outcome(job)
        assert job._events.empty()
    assert not engine._governor._busy
    engine.start()
    load(engine)
    assert say(engine, "yield Chunk(text='fine')") == "fine"
