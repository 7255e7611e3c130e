"""Rows in a run's folder and examples in a dataset: whole or not at all, and read back as they were."""

from __future__ import annotations

import json
import os

import msgspec
import pytest

from desktop.api import Message
from desktop.datasets import DataError, DataPlan, prepare, read_rows, write_rows
from desktop.datasets.keeping import keep_example

ASKED = (Message("user", "Où ?"), Message("assistant", "Là.\n"))


@pytest.fixture
def data(tmp_path):
    """Ten rows and a bad one."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps([*({"instruction": "é", "output": str(number)} for number in range(10)), 5]))
    return str(path)


def test_rows_are_written_and_read_back(tmp_path, data):
    plan = DataPlan(sources=(data,), on_bad="skip", holdout=3)
    run = tmp_path / "runs" / "1"
    report = write_rows(plan, run)
    prepared = prepare(plan)
    assert report == prepared.report
    assert list(read_rows(run / "rows.jsonl")) == list(prepared.rows())
    assert list(read_rows(run / "evaluation.jsonl")) == list(prepared.evaluation_rows())
    assert sorted(path.name for path in run.iterdir()) == ["evaluation.jsonl", "rows.jsonl"]
    write_rows(msgspec.structs.replace(plan, holdout=0), run)
    assert [path.name for path in run.iterdir()] == ["rows.jsonl"]
    assert len(list(read_rows(run / "rows.jsonl"))) == 10


def test_bad_rows_stop_before_anything_is_written(tmp_path, data):
    with pytest.raises(DataError, match="1 row can't be used"):
        write_rows(DataPlan(sources=(data,)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_full_disk_leaves_what_was_there(tmp_path, data, monkeypatch):
    plan = DataPlan(sources=(data,), on_bad="skip")
    write_rows(plan, tmp_path / "run")
    before = (tmp_path / "run" / "rows.jsonl").read_bytes()
    keep_example(tmp_path / "datasets", "mine", ASKED)
    monkeypatch.setattr(os, "fsync", _no_space)
    with pytest.raises(DataError, match="No space left"):
        write_rows(msgspec.structs.replace(plan, template="alpaca-fr"), tmp_path / "run")
    with pytest.raises(DataError, match="No space left"):
        keep_example(tmp_path / "datasets", "mine", (Message("user", "x"), Message("assistant", "y")))
    assert (tmp_path / "run" / "rows.jsonl").read_bytes() == before
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["rows.jsonl"]
    assert len((tmp_path / "datasets" / "mine.jsonl").read_text().splitlines()) == 1


def _no_space(_):
    raise OSError(28, "No space left on device")


def test_damaged_rows_are_told(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"parts":[]}\n{"parts":')
    with pytest.raises(DataError, match="line 2 is damaged"):
        list(read_rows(tmp_path / "rows.jsonl"))
    with pytest.raises(DataError, match="can't be read"):
        list(read_rows(tmp_path / "none.jsonl"))


def test_examples_are_kept_once(tmp_path):
    folder = tmp_path / "datasets"
    kept = keep_example(folder, "mine", ASKED)
    assert (kept.rows, kept.duplicate) == (1, False)
    assert keep_example(folder, "mine.jsonl", ASKED).duplicate
    system = (Message("system", "Be brief."), *ASKED)
    assert keep_example(folder, "mine", system).rows == 2
    written = [json.loads(line) for line in (folder / "mine.jsonl").read_text(encoding="utf-8").splitlines()]
    assert written[0] == {"messages": [{"role": "user", "content": "Où ?"}, {"role": "assistant", "content": "Là.\n"}]}
    report = prepare(DataPlan(sources=(kept.path,))).report
    assert (report.kind, report.rows) == ("messages", 2)


def test_examples_are_written_as_the_dataset_has_them(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text('{"question": "x", "context": "", "answer": "y"}')
    assert keep_example(tmp_path, "mine", ASKED).rows == 2
    assert json.loads(path.read_text().splitlines()[1]) == {"question": "Où ?", "context": "", "answer": "Là.\n"}
    with pytest.raises(DataError, match="one user and one assistant"):
        keep_example(tmp_path, "mine", (*ASKED, *ASKED))
    with pytest.raises(DataError, match="no place for a system message"):
        keep_example(tmp_path, "mine", (Message("system", "Be brief."), *ASKED))
    new = keep_example(tmp_path, "new", (Message("system", "Be brief."), *ASKED), alpaca=True)
    report = prepare(DataPlan(sources=(new.path,), template="chatml")).report
    assert (report.kind, report.rows, report.mapping["system"]) == ("alpaca", 1, "system")


@pytest.mark.parametrize("text", ["plain words\n", '[{"instruction": "x", "output": "y"}]', '{"text": "x"}\n', "{\n"])
def test_other_files_are_left_alone(tmp_path, text):
    path = tmp_path / "mine.jsonl"
    path.write_text(text)
    with pytest.raises(DataError):
        keep_example(tmp_path, "mine", ASKED)
    assert path.read_text() == text


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "nul", "a\0b", "\ud800", "x" * 300])
def test_a_name_never_leaves_the_folder(tmp_path, name):
    with pytest.raises(DataError, match=r"[Nn]ame"):
        keep_example(tmp_path / "datasets", name, ASKED)
    assert list(tmp_path.iterdir()) == []


def test_an_example_needs_an_answer(tmp_path):
    for messages in ((), ASKED[:1], (ASKED[0], Message("assistant", " "))):
        for alpaca in (False, True):
            with pytest.raises(DataError, match="doesn't end with an answer"):
                keep_example(tmp_path, "mine", messages, alpaca=alpaca)
    assert list(tmp_path.iterdir()) == []
