"""Examples: a row is on the disk whole or not at all, and no row takes another one with it."""

from __future__ import annotations

import json
import os

import pytest

from desktop.api import Message
from desktop.library.examples import ExampleError, keep_example, list_sets

ROW = (Message("system", "Be brief."), Message("user", "Où ?"), Message("assistant", "Là 🙂\nbas."))


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_reply_becomes_a_row_of_a_set(tmp_path):
    folder = tmp_path / "datasets"
    assert list_sets(folder) == []
    path, count = keep_example(folder, " mine é ", ROW)
    assert (path.name, count) == ("mine é.jsonl", 1)
    assert keep_example(folder, "mine é", ROW[1:]) == (path, 2)
    assert rows(path)[0] == {"messages": [{"role": one.role, "content": one.content} for one in ROW]}
    assert list_sets(folder) == ["mine é"]


def test_a_line_that_was_cut_off_stays_alone(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"messages": [')
    path, _ = keep_example(tmp_path, "a", ROW)
    cut, whole = path.read_bytes().splitlines()
    assert cut == b'{"messages": ['
    assert json.loads(whole)["messages"][2]["content"] == "Là 🙂\nbas."


def test_a_full_disk_leaves_the_set_as_it_was(tmp_path, monkeypatch):
    path, _ = keep_example(tmp_path, "a", ROW)
    before = path.read_bytes()

    def no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(ExampleError, match="No space"):
        keep_example(tmp_path, "a", ROW)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".x", "nul"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(ExampleError, match="Choose another"):
        keep_example(tmp_path / "d", name, ROW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("messages", [(), ROW[:2], (Message("assistant", "  "),)])
def test_what_is_no_reply_is_no_example(tmp_path, messages):
    with pytest.raises(ExampleError, match="Only a reply"):
        keep_example(tmp_path, "a", messages)
