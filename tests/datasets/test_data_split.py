"""Rows that are held out: as many as asked, the same every time, and none of them among those that are learnt."""

from __future__ import annotations

import json

import pytest

from desktop.datasets import DataError, DataPlan, prepare


def make(tmp_path, answers, name="a.json"):
    """A file with one row for each answer."""
    path = tmp_path / name
    path.write_text(json.dumps([{"instruction": "x", "output": str(answer)} for answer in answers]))
    return str(path)


def numbers(rows):
    """The answers."""
    return [int(row.parts[-1].text) for row in rows]


@pytest.mark.parametrize(("holdout", "kept"), [(0.1, 10), (0.001, 1), (1, 1), (7, 7), (99, 99), (0.999, 99)])
def test_as_many_as_asked(tmp_path, holdout, kept):
    if holdout == 0.999:
        holdout = 0.99
    prepared = prepare(DataPlan(sources=(make(tmp_path, range(100)),), holdout=holdout))
    learnt, held = numbers(prepared.rows()), numbers(prepared.evaluation_rows())
    assert len(held) == kept == prepared.report.evaluation_rows
    assert sorted(learnt + held) == list(range(100))
    assert learnt == sorted(learnt)
    assert held == sorted(held)
    assert prepared.report.rows == 100 - kept


def test_the_seed_decides(tmp_path):
    file = make(tmp_path, range(100))
    held = [numbers(prepare(DataPlan(sources=(file,), holdout=0.2, seed=seed)).evaluation_rows()) for seed in (1, 1, 2)]
    assert held[0] == held[1] != held[2]


def test_the_same_text_is_not_on_both_sides(tmp_path):
    answers = [number % 10 for number in range(100)]
    prepared = prepare(DataPlan(sources=(make(tmp_path, answers),), holdout=3))
    learnt, held = numbers(prepared.rows()), numbers(prepared.evaluation_rows())
    assert len(set(held)) == 3
    assert len(held) == 30
    assert not set(held) & set(learnt)
    assert prepared.report.duplicates == 90
    assert "90 rows are the same" in prepared.report.notes[0]


def test_something_is_left_to_learn(tmp_path):
    for answers, holdout in (([1, 2], 2), ([1], 0.5), ([1, 1, 1], 1), ([], 0.5)):
        with pytest.raises(DataError, match="can't be kept back"):
            prepare(DataPlan(sources=(make(tmp_path, answers),), holdout=holdout))


def test_a_file_of_its_own(tmp_path):
    learnt, held = make(tmp_path, range(5)), make(tmp_path, range(5, 8), "b.json")
    prepared = prepare(DataPlan(sources=(learnt,), evaluation=(held,)))
    assert numbers(prepared.rows()) == [0, 1, 2, 3, 4]
    assert numbers(prepared.evaluation_rows()) == [5, 6, 7]
    assert (prepared.report.rows, prepared.report.evaluation_rows) == (5, 3)
    alone = prepare(DataPlan(sources=(learnt,))).report
    assert prepared.report.sha256 != alone.sha256
    assert alone.evaluation_rows == 0


def test_a_file_that_changed_since_is_told(tmp_path):
    prepared = prepare(DataPlan(sources=(make(tmp_path, range(5)),)))
    make(tmp_path, range(6))
    with pytest.raises(DataError, match="changed after it was checked"):
        list(prepared.rows())


def test_one_row_can_be_looked_at_good_or_bad(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[{"instruction": "x", "output": "1"}, 5]')
    prepared = prepare(DataPlan(sources=(str(path),)))
    assert numbers([prepared.row(1)]) == [1]
    with pytest.raises(DataError, match=r"row 2 \(line 1\): The row is a number"):
        prepared.row(2)
    with pytest.raises(DataError, match="The data has 2 rows"):
        prepared.row(3)
