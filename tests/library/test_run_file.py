"""Run files: written and read back, the one in the guide, and those that can't be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from desktop.api import GenerateRequest, Sampling, TrainSettings
from desktop.datasets import DataPlan
from desktop.library.runs.run_file import Base, RunError, RunFile, RunRecord, StackRow, read_run_file, write_run_file

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "training.md"


def test_what_is_written_is_read(tmp_path):
    run = RunFile(
        name="é 🙂 v1.0",
        continue_from="/loras/a",
        model=Base(name="word", path="/models/word", bits=4, settings={"pace": "0.1"}, memory_limits={"cpu": 9}),
        stack=(StackRow(name="b", path="/loras/b", weight=-0.5, content_hash="c"),),
        data=DataPlan(sources=(str(tmp_path / "x.json"),), mapping={"input": "q"}, loss="after:### Response:\n"),
        settings=TrainSettings(targets=("q_proj", "v_proj"), dropout=0.1),
        samples=(GenerateRequest(prompt="Ahoy\n", sampling=Sampling(greedy=True)),),
        record=RunRecord(created=1.5, version="0", base_fingerprint="b", rows_hash="r"),
    )
    write_run_file(tmp_path / "run.toml", run)
    assert read_run_file(tmp_path / "run.toml") == run


def test_the_guides_file_can_be_used(tmp_path):
    text = re.search(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "run.toml").write_text(text, encoding="utf-8")
    run = read_run_file(tmp_path / "run.toml")
    assert (run.name, run.model.name, run.stack[0].weight) == ("pirate-2", "starter", 0.5)
    assert run.data.sources == (str(tmp_path / "rows.json"),)
    assert run.settings.learning_rate == 2e-4
    assert run.samples[0].prompt == "Where is the treasure?"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "is no run file"),
        ('name = "a"', "is no run file: Object missing required field `model`"),
        ('name = "a"\n[model]\nname = "w"\n[data]\nsources = ["x"]\n[settings]\nrank = 0', "rank"),
        ('name = "a"\n[model]\nname = "w"\n[data]\nsources = ["x"]\n[settings]\nrnak = 1', "unknown field `rnak`"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path, text, sentence):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(RunError) as refused:
        read_run_file(tmp_path / "run.toml")
    assert sentence in str(refused.value)


def test_no_file(tmp_path):
    with pytest.raises(RunError, match=r"can't be read \(No such file"):
        read_run_file(tmp_path / "run.toml")
