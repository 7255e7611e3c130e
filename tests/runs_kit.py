"""Runs for tests: a pretended model that trains a few numbers, and what it takes to start, kill and compare them."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from desktop.api import LoadRequest, Part, TrainingRow, TrainRequest, TrainSettings
from desktop.engine.messages import LoaderRef
from desktop.engine.process import Launch
from desktop.engine.runs.entries import Entry, RunEnded
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.launch import start_run, write_task
from desktop.engine.runs.lines import Tail, size_of
from desktop.engine.runs.lock import holder
from desktop.engine.runs.task import RunTask
from tests.library.making import make_model

TRAINER = Path(__file__).resolve().parent / "third_party" / "trainer" / "pretend_trainer.py"
LAUNCH = Launch(sys.executable, {"pretend_trainer": str(TRAINER)})
LOADER = LoaderRef("pretend", "pretend_trainer")

SOON = 30.0
"""Seconds within which anything that is due must have come, on a busy machine."""


def make_pretended(folder):
    """A base model that the pretended trainer opens."""
    make_model(folder)
    (folder / "pretend.txt").write_text("")
    return folder


def write_rows(path, count=12):
    """That many training rows."""
    rows = [TrainingRow(parts=(Part(f"row {number}"),), source=number) for number in range(1, count + 1)]
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def make_run(root, model, *, settings=None, load=None, **more):
    """A run's folder with rows and a task, not yet started."""
    folder = RunFolder(root)
    root.mkdir(parents=True)
    write_rows(folder.rows)
    write_task(folder, task_for(folder, model, settings, load, **more))
    return folder


def task_for(folder, model, settings=None, load=None, *, resume_step=0, **more):
    """What the engine is to do."""
    resume = str(folder.checkpoints / f"step-{resume_step}") if resume_step else ""
    return RunTask(
        loader=LOADER,
        load=LoadRequest(path=str(model), settings=load or {}),
        train=TrainRequest(
            folder=str(folder.root),
            rows=str(folder.rows),
            settings=settings or TrainSettings(max_steps=20, save_every=5),
            resume_from=resume,
        ),
        resume_step=resume_step,
        control_from=size_of(folder.control),
        **more,
    )


def start(folder):
    """Start the engine on it."""
    start_run(folder, LAUNCH)


def entries(folder):
    """The whole log."""
    return Tail(folder.events, Entry).read()


def events(folder, kind=object):
    """The log's events of a kind."""
    return [entry.event for entry in entries(folder) if isinstance(entry.event, kind)]


def wait_until(true, seconds=SOON):
    """Wait until a condition holds; fails if it doesn't in time."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, "it didn't come true in time"
        time.sleep(0.005)
    return value


def wait_for_end(folder):
    """Wait until nobody runs it; its last word."""
    wait_until(lambda: holder(folder.lock) is None)
    ended = events(folder, RunEnded)
    return ended[-1] if ended else None


def kill(folder):
    """End the worker as an out-of-memory killer does."""
    who = holder(folder.lock)
    if who is not None and who.pid:
        try:
            os.kill(who.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def result_bytes(folder):
    """The result's files by name."""
    return {file.name: file.read_bytes() for file in folder.adapter.iterdir()}
