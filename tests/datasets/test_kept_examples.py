"""Examples of a chat: a row is on the disk whole or not at all, and no row takes another one with it."""

from __future__ import annotations

import json
import os

import pytest

from desktop.api import Message
from desktop.datasets.keeping import keep_example, list_sets
from desktop.datasets.plan import DataError

ROW = (Message("system", "Be brief."), Message("user", "Où ?"), Message("assistant", "Là 🙂\nbas."))


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_reply_becomes_a_row_of_a_set(tmp_path):
    folder = tmp_path / "datasets"
    assert list_sets(folder) == []
    assert keep_example(folder, " mine é ", ROW).rows == 1
    assert keep_example(folder, "mine é", ROW[1:]).rows == 2
    assert rows(folder / "mine é.jsonl")[0] == {"messages": [{"role": one.role, "content": one.content} for one in ROW]}
    assert list_sets(folder) == ["mine é"]


def test_a_last_line_that_was_cut_off_stays_alone(tmp_path):
    keep_example(tmp_path, "a", ROW)
    with (tmp_path / "a.jsonl").open("ab") as file:
        file.write(b'{"messages": [')
    keep_example(tmp_path, "a", ROW[1:])
    _, cut, whole = (tmp_path / "a.jsonl").read_bytes().splitlines()
    assert cut == b'{"messages": ['
    assert json.loads(whole)["messages"][1]["content"] == "Là 🙂\nbas."


def test_a_full_disk_leaves_the_set_as_it_was(tmp_path, monkeypatch):
    keep_example(tmp_path, "a", ROW)
    before = (tmp_path / "a.jsonl").read_bytes()

    def no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DataError, match="can't be kept"):
        keep_example(tmp_path, "a", ROW[1:])
    assert (tmp_path / "a.jsonl").read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("messages", [(), ROW[:2], (Message("assistant", "  "),)])
def test_what_is_no_reply_is_no_example(tmp_path, messages):
    with pytest.raises(DataError, match="doesn't end with an answer"):
        keep_example(tmp_path, "a", messages)
