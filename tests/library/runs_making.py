"""Runs in a library, with checkpoints, written by hand."""

from __future__ import annotations

import json
import time

from desktop.api import CheckpointSaved, StepDone, TrainReport, TrainStarted
from desktop.datasets import DataPlan
from desktop.engine.runs.entries import Entry, Launched, RunEnded
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lines import append_line
from desktop.library.runs.run_file import Base, RunFile, write_run_file
from tests.library.making import make_adapter


def make_run_with_checkpoints(home, run_id, name, steps=(50, 100), *, finished=True):
    """A run that has written these checkpoints, and its adapter into the library where it has finished."""
    folder = RunFolder(home.runs / run_id)
    folder.root.mkdir(parents=True)
    write_run_file(folder.run_file, RunFile(name=name, model=Base(name="m"), data=DataPlan(sources=("/rows.json",))))
    events = [Launched(pid=1), TrainStarted(steps=max(steps))]
    for number in steps:
        path = make_checkpoint(folder, number)
        events += [
            StepDone(
                step=number, epoch=1.0, loss=1.0, smoothed_loss=1.0, learning_rate=1e-4, gradient_norm=1.0, tokens=5,
                seconds=0.1,
            ),
            CheckpointSaved(step=number, folder=str(path), bytes=1),
        ]  # fmt: skip
    if finished:
        make_adapter(home.loras / name)
        report = TrainReport(folder=str(folder.adapter), steps=max(steps), reason="steps")
        events.append(RunEnded(how="finished", report=report, result=str(home.loras / name)))
    for event in events:
        append_line(folder.events, Entry(time.time(), event))
    return folder


def make_checkpoint(folder, number):
    """A whole checkpoint as a run writes it, with what it needs to go on beside the adapter."""
    path = make_adapter(folder.checkpoints / f"step-{number}")
    (path / "optimizer.safetensors").write_bytes(bytes(64))
    (path / "state.json").write_text("{}")
    (path / "lora_deck.json").write_text(json.dumps({"steps": number, "smoothed_loss": 100 / number}))
    return path
