"""`lora-deck runs` on folders written by hand: the list, one run, and words to one that is not there to hear."""

from __future__ import annotations

import sys
import time

import pytest

from desktop.api import Evaluated, StepDone, TrainReport, TrainStarted
from desktop.datasets import DataPlan
from desktop.engine.runs.entries import Entry, Launched, RunEnded
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lines import Tail, append_line
from desktop.engine.runs.lock import RunLock
from desktop.library.runs.run_file import Base, RunFile, RunRecord, StackRow, write_run_file


@pytest.fixture
def made(home):
    """A run that has ended, one that crashed, one that can't be read."""
    for number, name in enumerate(("2026-11-25-ended", "2026-11-25-broken off", "2026-11-25-odd")):
        folder = RunFolder(home.runs / name)
        folder.root.mkdir(parents=True)
        if name.endswith("odd"):
            folder.run_file.write_text("name = 3")
            continue
        record = RunRecord(created=1.8e9 + number, version="0", base_fingerprint="b", rows_hash="abc", rows=12)
        run = RunFile(
            name="out",
            model=Base(name="word"),
            data=DataPlan(sources=("/x.json",)),
            stack=(StackRow(name="pirate", weight=0.5),),
            record=record,
        )
        write_run_file(folder.run_file, run)
        step = StepDone(
            step=1, epoch=0.1, loss=2.5, smoothed_loss=2.25, learning_rate=1e-4, gradient_norm=1.0, tokens=50,
            seconds=0.5,
        )  # fmt: skip
        for event in (Launched(pid=1), TrainStarted(steps=2), step):
            append_line(folder.events, Entry(time.time(), event))
    folder = RunFolder(home.runs / "2026-11-25-ended")
    report = TrainReport(folder="/a", steps=2)
    for event in (Evaluated(step=2, loss=1.5, accuracy=0.5, tokens=9), RunEnded(how="finished", report=report)):
        append_line(folder.events, Entry(time.time(), event))
    return home


def test_the_list(run, made):
    ran = run("runs")
    assert ran.status == 0
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[0] == ["ID", "STATE", "STEP", "LOSS", "EVALUATION", "ROWS", "BASE", "ON", "TOP", "OF"]
    assert rows[1] == ["2026-11-25-broken", "off", "crashed", "1/2", "2.2500", "12", "word", "pirate=0.5"]
    assert rows[2] == ["2026-11-25-ended", "finished", "1/2", "2.2500", "1.5000", "12", "word", "pirate=0.5"]
    assert rows[3] == ["2026-11-25-odd", "?"]
    assert "is no run file" in ran.out


def test_no_runs(run, home):
    assert run("runs").err.startswith("No runs yet.")
    assert run("runs", "--json").json["runs"] == []


def test_one_run(run, made):
    ran = run("runs", "ended")
    assert ran.out.splitlines()[:3] == [
        "2026-11-25-ended: finished",
        "It ended after all its steps at step 2.",
        "base: word  rows: 12  data: abc",
    ]
    assert "evaluation at step 2: loss 1.5000, accuracy 50.0%" in ran.out
    told = run("runs", "ended", "--json").json
    assert told["run"]["run"]["settings"]["rank"] == 16
    assert [step["loss"] for step in told["steps"]] == [2.5]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("stop", "broken"), "2026-11-25-broken off is not running. The engine ended without a word at step 1."),
        (("stop",), "Which run? Write `lora-deck runs stop ID`."),
        (("2026",), "'2026' names 3 runs:"),
        (("../x",), "is no run's id."),
        (("stop-at-loss", "ended", "low"), "with a number such as 1.2."),
        (("save", "ended", "now"), "Too many words: now."),
        (("odd",), "is no run file"),
    ],
)
def test_what_cannot_be_done_is_told(run, made, words, sentence):
    ran = run("runs", *words)
    assert (ran.status, ran.out) == (1, "")
    assert sentence in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="the lock is looked at from the same process")
def test_words_to_a_run_land_in_its_control_file(run, made):
    folder = RunFolder(made.runs / "2026-11-25-broken off")
    lock = RunLock(folder.lock)
    for words in (("save", "broken"), ("stop-at-loss", "broken", "1.25"), ("stop", "broken")):
        assert run("runs", *words).status == 0
    lock.release()
    assert Tail(folder.control, dict).read() == [
        {"type": "save"},
        {"type": "stop_at_loss", "loss": 1.25},
        {"type": "stop"},
    ]
