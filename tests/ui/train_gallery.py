"""The Train place in its states, with what a fake session would tell."""

from __future__ import annotations

import math

import msgspec
from PySide6.QtCore import Qt

from desktop.api import (
    Evaluated,
    Evaluation,
    GenerateRequest,
    Part,
    RowTokens,
    Sampled,
    TrainingRow,
    TrainPlan,
    TrainSettings,
)
from desktop.datasets import BadRow, DataPlan, DatasetReport
from desktop.datasets.catalogue import DatasetEntry, FormatEntry
from desktop.library.runs.listing import RunEntry
from desktop.library.runs.run_file import Base, RunFile
from desktop.library.runs.state import RunState
from desktop.session.train_plans import Curves, Measured, RowLook, RunLook

HORIZONTAL = Qt.Orientation.Horizontal
MODEL = "/library/models/starter"
SAILOR = "/library/runs/2026-11-25-sailor"
PROMPTS = ("What is the capital of France?", "Tell me about the sea.")


def report(**facts):
    """252 rows of instructions, all good."""
    usual = {
        "files": ("/data/instructions.json",), "bytes": 80_000, "sha256": "ab" * 32, "kind": "alpaca",
        "kind_reason": "The file is one JSON list. Its columns say instructions with answers (Alpaca): instruction, "
        "input, output.",
        "columns": ("instruction", "input", "output", "source"),
        "mapping": {"instruction": "instruction", "input": "input", "output": "output"}, "ignored_columns": ("source",),
        "template": "alpaca", "loss": "answers", "rows": 227, "evaluation_rows": 25, "duplicates": 1,
        "notes": ("1 row is the same as an earlier one; they are kept and count that much more.",),
    }  # fmt: skip
    return DatasetReport(**(usual | facts))


def bad_report():
    """Three rows that can't be used."""
    bad = tuple(
        BadRow(file="instructions.json", row=number, line=4 * number, reason="no output", message=message)
        for number, message in ((7, "There is no output."), (19, "output is a number."), (120, "The row is no object."))
    )
    return report(rows=224, bad=3, bad_rows=bad, bad_by_reason={"no output": 3})


def row_look(number=1):
    """A row in tokens, its answer learnt."""
    prompt = "Below is an instruction that describes a task.\n\n### Instruction:\nName the capital of France.\n\n"
    prompt += "### Response:\n"
    words = [text for part in prompt.split(" ") for text in (part + " ",)]
    words[-1] = words[-1].rstrip(" ")
    answer = ["Arr", ",", " mat", "ey", "!", " Paris", " be", " it", ".", "<|im_end|>"]
    texts = (*words, *answer)
    trained = (*(False for _ in words), *(True for _ in answer))
    tokens = RowTokens(ids=tuple(range(100, 100 + len(texts))), texts=texts, trained=trained, cut=0)
    row = TrainingRow(parts=(Part(prompt, trained=False), Part("".join(answer))), source=number)
    return RowLook(number=number, row=row, tokens=(tokens,))


def plan():
    """Three epochs."""
    lengths = tuple(40 + (number * 37) % 200 + (400 if number % 40 == 0 else 0) for number in range(227))
    return TrainPlan(
        rows=227, lengths=lengths, rows_cut=3, rows_without_label=0, tokens=31_000, steps=87,
        trainable_parameters=4_884_480, memory_bytes=1_300_000_000,
        notes=("A warm-up of 100 steps is longer than the run's 87 steps.",),
    )  # fmt: skip


def curves(count=400, seed=0.0):
    """A loss that falls, with noise."""
    made = Curves.empty()
    smoothed = 3.0
    for step in range(1, count + 1):
        noise = math.sin(step * 12.9898 + seed) * 0.25
        loss = 1.1 + seed / 5 + 2.0 * math.exp(-step / 90) + noise
        smoothed = loss if step == 1 else 0.9 * smoothed + 0.1 * loss
        values = (step, loss, smoothed, 3e-4 * (1 - step / 600), 0.8 + noise, 640 + 90 * noise)
        for name, value in zip(Curves.__struct_fields__, values, strict=True):
            getattr(made, name).append(float(value))
    return made


def look(phase="running", count=400, **facts):
    """A run after so many of its 600 steps."""
    alive = phase in {"running", "preparing"}
    sentences = {
        "running": f"It is at step {count} of 600.",
        "finished": "It ended after all its steps at step 600.",
        "failed": "The loss is not a number at step 40. Lower the learning rate. The last checkpoint is step 25; "
        "resuming loses 15 steps.",
    }
    state = RunState(
        phase=phase, sentence=sentences[phase], alive=alive, step=count, steps=600,
        checkpoints=tuple(range(50, count + 1, 50))[-3:],
    )  # fmt: skip
    evaluations = tuple(
        Evaluated(step=step, loss=1.3 + 1.6 * math.exp(-step / 100), accuracy=0.6, tokens=900)
        for step in range(50, count + 1, 50)
    )
    usual = {
        "id": "2026-11-25-sailor", "path": SAILOR, "name": "sailor", "base": "SmolLM2-135M",
        "state": state, "curves": curves(count), "evaluations": evaluations, "prompts": PROMPTS,
        "samples": samples(count),
        "tokens_per_second": 640.0 if alive else None, "seconds_left": 754.0 if alive else None,
        "newest_checkpoint": f"{SAILOR}/checkpoints/step-{count // 50 * 50}" if count > 49 else "",
        "result": "/library/loras/sailor" if phase == "finished" else "",
    }  # fmt: skip
    return RunLook(**(usual | facts))


def samples(count):
    """At step 0 and every 50."""
    said = (
        "The capital of France is Paris.",
        "Paris be the capital, aye.",
        "Arr, matey! The capital o' France be Paris!",
    )
    return tuple(
        Sampled(step=step, sample=number, text=said[min(step // 100, 2)] + (" The sea be wide." if number else ""))
        for step in range(0, count + 1, 50)
        for number in range(len(PROMPTS))
    )


def entries():
    """One that goes on, one finished, one that failed, one that can't be read."""
    run = RunFile(
        name="sailor", model=Base(name="SmolLM2-135M", path=MODEL), data=DataPlan(sources=("/data/instructions.json",)),
        settings=TrainSettings(rank=8, alpha=16.0, learning_rate=4e-4, epochs=2.0, sample_every=50),
        samples=tuple(GenerateRequest(prompt=text) for text in PROMPTS),
    )  # fmt: skip
    usual = {"base": "SmolLM2-135M", "rows": 227, "rows_hash": "0123456789abcdef" * 4, "run": run, "steps": 600}
    return [
        RunEntry(
            id="2026-11-25-sailor", path="/library/runs/2026-11-25-sailor", phase="running", alive=True, name="sailor",
            sentence="It is at step 400 of 600.", created=1.7641e9, step=400, loss=1.2345, evaluation_loss=1.31,
            checkpoints=(350, 400), **usual,
        ),
        RunEntry(
            id="2026-11-24-pirate", path="/library/runs/2026-11-24-pirate", phase="finished", name="pirate",
            sentence="It ended after all its steps at step 600.", created=1.764e9, step=600, loss=1.1,
            evaluation_loss=1.22, result="/library/loras/pirate", parents=("francais=0.5",), **usual,
        ),
        RunEntry(
            id="2026-11-23-failed", path="/library/runs/2026-11-23-failed", phase="failed", name="failed",
            sentence="The loss is not a number at step 40.", created=1.7639e9, step=40, loss=None, **usual,
        ),
        RunEntry(id="2026-11-22-odd", path="/library/runs/2026-11-22-odd", problem="run.toml is no run file."),
    ]  # fmt: skip


def visit(window, session):
    """The place at its first visit, with what the library holds."""
    from tests.ui import gallery

    gallery.ready(window, session)
    window.places.show_place("train")
    session.training.data_listed.emit(
        [DatasetEntry(name="instructions.json", path="/library/datasets/instructions.json", kind="alpaca", rows=252)],
        [FormatEntry(name="vicuna-format")],
    )
    return window.train_desk.place


def fill(window, session):
    """Data and a name are given, and the data was checked."""
    place = visit(window, session)
    place.form.data._sources.setCurrentText("instructions.json")
    place.form.base._output.setText("sailor")
    place.form._samples.setPlainText("\n".join(PROMPTS))
    session.training.data_checked.emit(report())
    return place


def train_empty(window, session):
    visit(window, session)
    session.runs.runs_listed.emit([])


def train_data(window, session):
    fill(window, session)
    session.training.row_shown.emit(row_look())
    session.training.run_planned.emit(plan())


def train_bad_rows(window, session):
    fill(window, session)
    session.training.data_checked.emit(bad_report())
    session.training.row_shown.emit(row_look())


def train_running(window, session):
    fill(window, session)
    session.runs.runs_listed.emit(entries())
    session.runs.run_grew.emit(look())


def train_samples(window, session):
    train_running(window, session)
    window.train_desk.place.tabs.setCurrentWidget(window.train_desk.place.samples)


def train_runs(window, session):
    train_running(window, session)
    place = window.train_desk.place
    place.tabs.setCurrentWidget(place.runs)
    place.runs._select(["2026-11-25-sailor", "2026-11-24-pirate"])
    second = look("finished", 600, id="2026-11-24-pirate", curves=curves(600, 1.0))
    session.runs.runs_read.emit([look(), second])


def train_failed(window, session):
    train_running(window, session)
    failed = look("failed", 40, detail="Traceback (most recent call last):\n  ...\nFloatingPointError: nan\n")
    session.runs.run_grew.emit(failed)
    session.runs.run_ended.emit(failed)


def measured():
    """The base, an adapter that was measured before, one that could not be, and the stack."""
    found = Evaluation(loss=2.1034, accuracy=0.5512, tokens=4211, rows=25)
    return [
        Measured(name="base", evaluation=found),
        Measured(name="pirate = 0.8", evaluation=msgspec.structs.replace(found, loss=1.2201, accuracy=0.7), known=True),
        Measured(name="odd = 1", problem="odd does not fit: its q_proj is 4096 wide, this model has 576."),
        Measured(name="the stack", evaluation=msgspec.structs.replace(found, loss=1.2532, accuracy=0.69)),
    ]


def train_evaluation(window, session):
    train_running(window, session)
    place = window.train_desk.place
    place.tabs.setCurrentWidget(place.evaluation)
    place.evaluation._file.setText("held-out.json")
    place.evaluation._measure.click()
    for line in measured():
        session.measuring.measured.emit(line)


TRAIN_STATES = (
    train_empty, train_data, train_bad_rows, train_running, train_samples, train_runs, train_failed, train_evaluation,
)  # fmt: skip
