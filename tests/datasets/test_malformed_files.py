"""Data files with faults: each bad row is told with its number, its line and the reason, and the others are kept."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from desktop.datasets import DataError, DataPlan, prepare
from desktop.datasets.lines import LONGEST_ROW
from tests.datasets.malformed import CASES, REFUSED, lines, listed


def check(tmp_path, file, data, **plan):
    """Check one file with bad rows skipped."""
    path = tmp_path / file
    path.write_bytes(data)
    return prepare(DataPlan(sources=(str(path),), on_bad="skip", **plan))


def test_there_are_a_hundred_files():
    assert len(CASES) + len(REFUSED) >= 100
    names = [case.name for case in (*CASES, *REFUSED)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_rows_are_named(tmp_path, case):
    prepared = check(tmp_path, case.file, case.data)
    report = prepared.report
    assert [(row.row, row.line, row.reason) for row in report.bad_rows] == [tuple(bad) for bad in case.bad]
    assert report.rows == case.good
    assert report.bad == len(case.bad) == sum(report.bad_by_reason.values())
    for row in report.bad_rows:
        assert row.file == case.file
        assert row.message.endswith(".")
        assert len(row.message) < 400
        assert row.message.isprintable()
    if case.good:
        assert len(list(prepared.rows())) == case.good
    else:
        with pytest.raises(DataError):
            list(prepared.rows())


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_file_that_cannot_be_read_is_refused_in_words(tmp_path, case):
    with pytest.raises(DataError, match=case.words) as raised:
        check(tmp_path, case.file, case.data)
    assert str(raised.value).endswith(".")


def test_stop_is_the_default_and_tells_the_first(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(b'{"instruction": "x", "output": "y"}', b"{}", b"5"))
    prepared = prepare(DataPlan(sources=(str(path),)))
    assert (prepared.report.rows, prepared.report.bad, prepared.report.usable) == (1, 2, False)
    with pytest.raises(DataError, match=r"2 rows can't be used\. The first: a\.jsonl, row 2 \(line 2\)"):
        next(prepared.rows())


@pytest.mark.parametrize("file", ["a.json", "a.jsonl", "a.csv"])
def test_a_row_longer_than_any_is_named_and_not_held(tmp_path, file, monkeypatch):
    longest = 1 << 20
    for module in ("lines", "elements", "table_rows"):
        monkeypatch.setattr(f"desktop.datasets.{module}.LONGEST_ROW", longest)
    long = b"x" * (4 * longest)
    if file == "a.csv":
        data = b"instruction,output\nx,y\n" + long + b",y\nx,z\n"
    else:
        row = b'{"instruction": "x", "output": "%s"}'
        data = (listed if file == "a.json" else lines)(row % b"y", row % long, row % b"z")
    path = tmp_path / file
    path.write_bytes(data)
    del data, long
    plan = DataPlan(sources=(str(path),), on_bad="skip")
    tracemalloc.start()
    try:
        report = prepare(plan).report
        assert tracemalloc.get_traced_memory()[1] < 3 * longest
    finally:
        tracemalloc.stop()
    line = {"a.json": 3, "a.jsonl": 2, "a.csv": 3}[file]
    assert [(row.row, row.line, row.reason) for row in report.bad_rows] == [(2, line, "too long")]
    assert report.rows == 2


@pytest.mark.parametrize("file", ["a.json", "a.jsonl"])
def test_rows_are_not_held_together(tmp_path, file):
    row = json.dumps({"instruction": "x" * 300_000 + "🙂", "output": "y"}, ensure_ascii=False).encode()
    path = tmp_path / file
    path.write_bytes((listed if file == "a.json" else lines)(*[row] * 40))
    plan = DataPlan(sources=(str(path),))
    tracemalloc.start()
    try:
        assert prepare(plan).report.rows == 40
        # A row's text takes four bytes a character; its value, its text and what is being joined are there at once.
        assert tracemalloc.get_traced_memory()[1] < 8 * 4 * len(row)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cut", [b"", b"\n"], ids=["one line", "many lines"])
def test_a_text_of_any_length_is_divided(tmp_path, monkeypatch, cut):
    longest = 1 << 16
    monkeypatch.setattr("desktop.datasets.raw_rows.LONGEST_PIECE", longest)
    text = ("é" * 99 + cut.decode()) * 3000
    prepared = check(tmp_path, "a.txt", text.encode())
    pieces = ["".join(part.text for part in row.parts) for row in prepared.rows()]
    assert "".join(pieces).replace("\n", "") == text.replace("\n", "")
    assert len(pieces) > 5
    assert max(len(piece.encode()) for piece in pieces) <= longest
    assert any("divided" in note for note in prepared.report.notes)


@pytest.mark.long
@pytest.mark.parametrize("end", ["whole", "within"])
@pytest.mark.parametrize("file", ["a.json", "a.jsonl", "a.csv", "a.txt"])
def test_64_mib_on_one_line(tmp_path, file, end):
    """At most three times the line in memory, whether it is one row or many."""
    size = 64 << 20
    path = tmp_path / file
    if end == "whole":
        path.write_bytes(b'[{"instruction": "' + b"x" * size + b'", "output": "y"}]')
        if file == "a.csv":
            path.write_bytes(b'instruction,output\n"' + b"x" * size + b'",y\n')
    else:
        # One character beyond 16 bits makes Python keep the whole text in 32 bits a character.
        asked = "x" * (LONGEST_ROW - 100) + "🙂"
        row = json.dumps({"instruction": asked, "output": "y"}, ensure_ascii=False).encode()
        path.write_bytes(b"[" + b",".join([row] * (size // len(row))) + b"]")
        if file == "a.csv":
            path.write_bytes(b"instruction,output\n" + (asked.encode() + b",y\n") * (size // len(row)))
    tracemalloc.start()
    try:
        report = prepare(DataPlan(sources=(str(path),), on_bad="skip")).report
        assert tracemalloc.get_traced_memory()[1] < 3 * size
    finally:
        tracemalloc.stop()
    assert report.rows + report.bad >= 1
