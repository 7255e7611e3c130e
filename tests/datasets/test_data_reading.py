"""Files of every encoding and layout that is read, in pieces of any size, with the lines on which rows begin."""

from __future__ import annotations

import codecs
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.datasets import DataError, DataPlan, prepare
from desktop.datasets.elements import cut_elements
from desktop.datasets.lines import bounded_lines

ROWS = [{"instruction": 'Où ?\n[{"', "output": "Là 🙂 }],"}, {"instruction": "a", "output": "\\"}]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=4), inside, max_size=3),
    max_leaves=8,
)


def check(path, **plan):
    """Check one file or folder."""
    return prepare(DataPlan(sources=(str(path),), **plan))


def texts(prepared):
    """Each row's whole text."""
    return ["".join(part.text for part in row.parts) for row in prepared.rows()]


def in_pieces(data, size):
    """The data in chunks."""
    return [data[begin : begin + size] for begin in range(0, len(data), size)]


@settings(max_examples=25, deadline=None)
@given(st.lists(VALUES, max_size=5), st.sampled_from([None, 1, "\t"]), st.integers(1, 9))
def test_a_list_is_cut_into_its_values_whatever_the_chunks(values, indent, size):
    data = json.dumps(values, indent=indent, ensure_ascii=False).encode()
    found = list(cut_elements(in_pieces(data, size), in_list=True))
    assert [json.loads(element.data) for element in found] == values
    assert not any(element.fault for element in found)
    # A value begins where the text after the lines above begins.
    for element in found:
        above = b"\n".join(data.split(b"\n")[: element.line - 1])
        assert data.index(element.data.strip()) >= 0
        assert len(above) <= len(data)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), max_size=4), st.integers(1, 9))
def test_objects_are_cut_apart_whatever_the_chunks(values, size):
    data = "\n".join(json.dumps(value, indent=2) for value in values).encode()
    found = list(cut_elements(in_pieces(data, size), in_list=False))
    assert [json.loads(element.data) for element in found] == values


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 9))
def test_lines_are_what_python_splits_whatever_the_chunks(data, size):
    wanted = [line + b"\n" for line in data.split(b"\n")[:-1]] + [data.split(b"\n")[-1]]
    found = list(bounded_lines(in_pieces(data, size)))
    assert [line for _, line in found] == [line for line in wanted if line]
    assert [number for number, _ in found] == list(range(1, len(found) + 1))


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
@pytest.mark.parametrize("file", ["a.json", "a.jsonl", "pretty.json", "objects.json", "a.csv", "renamed.txt", "a.data"])
def test_encodings_and_layouts(tmp_path, mark, encoding, file, monkeypatch):
    # A character, and a surrogate pair of UTF-16, falls between two chunks.
    monkeypatch.setattr("desktop.datasets.decoding.CHUNK", 65)
    whole = {
        "a.json": json.dumps(ROWS, ensure_ascii=False),
        "pretty.json": json.dumps(ROWS, ensure_ascii=False, indent=2),
        "objects.json": "\n".join(json.dumps(row, ensure_ascii=False, indent=2) for row in ROWS),
        "a.csv": 'instruction,output\n"Où ?\n[{""","Là 🙂 }],"\na,\\\n',
    }
    lines = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
    path = tmp_path / file
    path.write_bytes(mark + whole.get(file, lines).encode(encoding))
    prepared = check(path, format="alpaca-chatbot")
    assert texts(prepared) == [f"User: {row['instruction']}\nAssistant: {row['output']}" for row in ROWS]
    assert prepared.report.bytes == path.stat().st_size


def test_raw_text_is_cut_where_the_user_says(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("one\r\nline\r\n\r\n\r\ntwo\n\n\n\n\n\nthree é\n\n\nx\n\n\n".encode())
    prepared = check(path)
    assert texts(prepared) == ["one\nline", "two", "three é", "x"]
    assert all(row.cut and row.add_special_tokens for row in prepared.rows())
    assert [row.source for row in prepared.rows()] == [1, 2, 3, 4]
    assert (prepared.report.kind, prepared.report.template) == ("raw", "")
    short = check(path, min_block=3)
    assert texts(short) == ["one\nline", "three é"]
    assert short.report.notes == ("Pieces of text with at most 3 characters were left out: 2.",)
    assert texts(check(path, hard_cut="")) == ["one\nline\n\n\ntwo\n\n\n\n\n\nthree é\n\n\nx"]
    assert texts(check(path, hard_cut="\\n")) == ["one", "line", "two", "three é", "x"]
    assert texts(check(path, hard_cut=" é")) == ["one\nline\n\n\ntwo\n\n\n\n\n\nthree", "x"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["a", "é", "\n", "\n\n\n", "###"]), max_size=30), st.integers(1, 7))
def test_cuts_are_found_whatever_the_chunks(tmp_path_factory, pieces, size):
    text = "".join(pieces)
    path = tmp_path_factory.mktemp("raw") / "a.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("desktop.datasets.decoding.CHUNK", size)
        prepared = check(path, hard_cut="###")
        wanted = [piece.strip("\n") for piece in text.split("###") if piece.strip()]
        assert [row.parts[0].text for row in prepared.rows()] == wanted if wanted else not prepared.report.rows


def test_a_folder_of_texts_is_read_in_natural_order(tmp_path):
    for name in ("chapter 10.txt", "chapter 9.TXT", "b/notes.md", ".hidden.txt", ".git/x.txt", "data.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    prepared = check(tmp_path)
    assert texts(prepared) == ["b/notes.md", "chapter 9.TXT", "chapter 10.txt"]
    assert len(prepared.report.files) == 3
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.txt or \.md file"):
        check(tmp_path / "empty")


def test_several_files_are_one(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    (tmp_path / "b.csv").write_text("instruction,output\nx,y\nx,\n")
    (tmp_path / "c.txt").write_text("words")
    files = tuple(str(tmp_path / name) for name in ("a.json", "b.csv"))
    report = prepare(DataPlan(sources=files, on_bad="skip")).report
    assert (report.rows, [(bad.file, bad.row, bad.line) for bad in report.bad_rows]) == (3, [("b.csv", 4, 3)])
    with pytest.raises(DataError, match=r"c\.txt is plain text and a\.json has rows"):
        prepare(DataPlan(sources=(*files, str(tmp_path / "c.txt"))))


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.symlink_to(path)
    with pytest.raises(DataError, match="link"):
        check(path)


def test_progress_tells_bytes_and_may_stop(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(ROWS))
    told = []
    prepare(DataPlan(sources=(str(path),)), lambda done, total: told.append((done, total)))
    assert told[-1] == (path.stat().st_size, path.stat().st_size)

    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        prepare(DataPlan(sources=(str(path),)), stop)
