"""The library's datasets and formats: what is listed, and what a name means."""

from __future__ import annotations

import json

import pytest

from desktop.datasets import DataError
from desktop.datasets.catalogue import find_dataset, find_format_name, list_datasets, list_formats
from desktop.library.settings import Settings


@pytest.fixture
def filled(home):
    """A home with datasets and formats, good and bad."""
    (home.datasets / "book").mkdir(parents=True)
    (home.datasets / "book" / "1.txt").write_text("one\n\n\ntwo")
    (home.datasets / "rows.json").write_text(json.dumps([{"instruction": "x", "output": "y"}, 5]))
    (home.datasets / "empty.jsonl").write_text("")
    (home.datasets / "picture.png").write_bytes(b"")
    home.formats.mkdir()
    (home.formats / "mine.json").write_text('{"q,a": "%q% %a%"}')
    (home.formats / "vicuna.json").write_text("{")
    return home


def test_what_is_there_is_listed(filled, home):
    found = {entry.name: entry for entry in list_datasets(home, Settings())}
    assert list(found) == ["book", "empty.jsonl", "rows.json"]
    assert [(entry.kind, entry.rows) for entry in found.values()] == [("raw", 2), ("", None), ("alpaca", 2)]
    assert "is empty" in found["empty.jsonl"].problem
    assert found["rows.json"].size == (home.datasets / "rows.json").stat().st_size
    formats = list_formats(home, Settings())
    assert [one.name for one in formats] == ["mine", "vicuna", "alpaca-chatbot", "alpaca", "vicuna"]
    assert formats[0].keys == ("q", "a")
    assert formats[1].problem
    assert formats[4].keys == ("instruction", "output", "input")
    assert formats[4].path == ""


def test_nothing_yet(home):
    assert list_datasets(home, Settings()) == []
    assert len(list_formats(home, Settings())) == 3


def test_rows_of_a_large_file_are_not_counted(filled, home, monkeypatch):
    monkeypatch.setattr("desktop.datasets.catalogue.LONGEST_COUNTED", 10)
    assert [entry.rows for entry in list_datasets(home, Settings())] == [2, None, None]


def test_further_folders_are_read_in_place(filled, home, tmp_path):
    (tmp_path / "other" / "datasets").mkdir(parents=True)
    (tmp_path / "other" / "datasets" / "more.csv").write_text("instruction,output\nx,y\n")
    settings = Settings(folders=(str(tmp_path / "other"),))
    assert list_datasets(home, settings)[-1].name == "more.csv"
    assert find_dataset("more", home, settings) == tmp_path / "other" / "datasets" / "more.csv"


def test_a_name_or_a_path(filled, home, tmp_path, monkeypatch):
    assert find_dataset("rows", home, Settings()) == home.datasets / "rows.json"
    assert find_dataset("rows.json", home, Settings()) == home.datasets / "rows.json"
    assert find_dataset("book", home, Settings()) == home.datasets / "book"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.json").write_text("[]")
    assert find_dataset("./rows.json", home, Settings()) == tmp_path / "rows.json"
    assert find_format_name("mine", home, Settings()) == str(home.formats / "mine.json")
    assert find_format_name("alpaca", home, Settings()) == "alpaca"


@pytest.mark.parametrize("text", ["", ".", "..", "../formats/mine.json", "none", "a\0b", "~nobody-here/x", "x" * 9999])
def test_what_names_nothing_is_told(filled, home, tmp_path, monkeypatch, text):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    if text not in (".", ".."):
        with pytest.raises(DataError, match="no dataset"):
            find_dataset(text, home, Settings())
    if text:
        with pytest.raises(DataError):
            find_format_name(text, home, Settings())
