"""From columns to the parts of a row: their texts joined are the template's text to the letter."""

from __future__ import annotations

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.api import Part
from desktop.datasets import DataError, DataPlan, prepare
from desktop.datasets.formats import find_format, parse_format, shipped_formats
from desktop.datasets.losses import with_loss
from desktop.datasets.plan import RowError, unescaped
from desktop.prompting.templates import TEMPLATES

ALPACA = [template.name for template in TEMPLATES if template.takes_input]
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ANSWER = WORDS.filter(str.strip)


def prepared(tmp_path, rows, file="a.json", **plan):
    """Check rows that are written as JSON."""
    path = tmp_path / file
    path.write_text(json.dumps(rows), encoding="utf-8")
    return prepare(DataPlan(sources=(str(path),), **plan))


def texts(rows):
    """Each row's whole text."""
    return ["".join(part.text for part in row.parts) for row in rows]


@pytest.mark.parametrize("name", ALPACA)
def test_an_alpaca_row_is_the_template_and_the_answer(tmp_path, name):
    template = next(template for template in TEMPLATES if template.name == name)
    rows = [
        {"instruction": "Ask.", "input": "", "output": "Tell."},
        {"instruction": "Ask.", "input": "With é🙂.", "output": " Tell.\n"},
        {"instruction": "Ask.", "output": "T", "input": None, "id": 7, "tags": ["x", {"y": None}]},
    ]
    check = prepared(tmp_path, rows, template=name)
    made = list(check.rows())
    assert [row.parts for row in made] == [
        (Part(template.render("Ask.", row["input"] or ""), trained=False), Part(row["output"])) for row in rows
    ]
    assert [row.source for row in made] == [1, 2, 3]
    assert all(row.add_special_tokens and not row.cut for row in made)
    assert check.report.ignored_columns == ("id", "tags")
    assert check.report.bad == 0


def test_every_row_with_an_empty_input_or_more_keys_is_taken(tmp_path):
    extra = [{}, {"id": 1}, {"score": 0.5, "lang": "fr"}, {"nested": {"a": [1, {"b": None}]}}, {"text": ""}]
    inputs = [{}, {"input": ""}, {"input": None}, {"input": "Given."}]
    rows = [
        {"instruction": "Ask.", "output": f"{n}"} | more | given for n, more in enumerate(extra) for given in inputs
    ]
    for plan in ({}, {"format": "alpaca"}, {"format": "vicuna"}, {"format": "alpaca-chatbot"}, {"template": "chatml"}):
        report = prepared(tmp_path, rows, **plan).report
        assert (report.rows, report.bad) == (len(rows), 0)


@settings(max_examples=40, deadline=None)
@given(instruction=ANSWER, input=WORDS, output=ANSWER)
def test_parts_joined_are_the_formats_text(instruction, input, output):
    row = {"instruction": instruction, "input": input, "output": output, "more": "%output%"}
    for name, data in shipped_formats().items():
        keys = "instruction,input,output" if input.strip() else "instruction,output"
        wanted = json.loads(data)[keys]
        parts = parse_format(name, data).parts(row, {})
        before = wanted.split("%output%")[0].split("%instruction%")
        expected = before[0] + instruction + before[1].replace("%input%", "\0").replace("\0", input)
        assert "".join(part.text for part in parts) == expected + output
        assert [part.trained for part in parts] == [False, True]
        assert parts[1].text == output


def test_the_formats_that_come_along():
    assert list(shipped_formats()) == ["alpaca-chatbot", "alpaca", "vicuna"]
    rendered = find_format("alpaca").parts({"instruction": "A", "input": "B", "output": "C"}, {})
    alpaca = next(template for template in TEMPLATES if template.name == "alpaca")
    assert rendered == (Part(alpaca.render("A", "B"), trained=False), Part("C"))
    chat = find_format("alpaca-chatbot").parts({"instruction": "A", "output": "C"}, {})
    assert "".join(part.text for part in chat) == "User: A\nAssistant: C"


def test_a_format_of_the_users_own(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"q,a": "50% of %q%%q% -> %a%!", "q,hint,a": "%q% (%hint%) %a%"}), encoding="utf-8-sig")
    rows = [
        {"q": "x%a%", "a": "y", "more": 3},
        {"q": "x", "a": "y", "hint": ""},
        {"q": "x", "hint": "h", "a": "y"},
        {"q": "x", "hint": 4, "a": "y"},
        {"q": "x", "hint": "h", "a": ""},
        {"q": "x"},
    ]
    check = prepared(tmp_path, rows, format=str(file), on_bad="skip")
    assert texts(check.rows()) == ["50% of x%a%x%a% -> y!", "50% of xx -> y!", "x (h) y"]
    assert next(check.rows()).parts[1] == Part("y!")
    assert check.report.bad_by_reason == {"empty a": 1, "no text of the format fits": 1, "not a text": 1}
    assert check.report.kind == "columns"
    renamed = prepared(tmp_path, [{"frage": "x", "a": "y"}], format=str(file), mapping={"q": "frage"})
    assert texts(renamed.rows()) == ["50% of xx -> y!"]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"a": 5}', b'{"": "%a%"}', b'{"a": "no key"}', b'{"a": "%b%"}', b"{", b'{"a": "\xff"}'],
)
def test_a_broken_format_is_refused(tmp_path, data):
    file = tmp_path / "mine.json"
    file.write_bytes(data)
    with pytest.raises(DataError, match="The format mine"):
        prepared(tmp_path, [{"a": "x"}], format=str(file))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.builds(Part, WORDS, st.booleans()), max_size=5), st.sampled_from(["x", "é", "\\n"]))
def test_no_loss_changes_the_text(parts, after):
    text = "".join(part.text for part in parts)
    for loss in ("answers", "all", f"after:{after}"):
        try:
            made = with_loss(parts, loss)
        except RowError:
            assert loss.startswith("after:")
            assert not text.partition(unescaped(after))[2].strip()
            continue
        assert "".join(part.text for part in made) == text
        if loss == "all":
            assert all(part.trained for part in made)
        if loss.startswith("after:"):
            before, mark, rest = text.partition(unescaped(after))
            assert made == (Part(before + mark, trained=False), Part(rest))


def test_a_text_to_learn_after(tmp_path):
    rows = [{"text": "### Human: x\n### Assistant: y"}, {"text": "### Human: x"}, {"text": "### Assistant: "}]
    check = prepared(tmp_path, rows, loss="after:\\n### Assistant:", on_bad="skip")
    (row,) = check.rows()
    assert row.parts == (Part("### Human: x\n### Assistant:", trained=False), Part(" y"))
    assert not row.cut
    assert check.report.bad_by_reason == {"text to learn after not found": 2}


@pytest.mark.parametrize(
    ("row", "kind", "text"),
    [
        ({"prompt": "a ", "completion": "b"}, "completion", "a b"),
        ({"prompt": "a ", "response": "b", "id": 1}, "completion", "a b"),
        ({"text": "a"}, "text", "a"),
        ({"question": "a", "context": "", "answer": "b"}, "alpaca", None),
        ({"Instruction": "a", "Response": "b"}, "alpaca", None),
        ({"input": "a", "output": "b"}, "alpaca", None),
    ],
)
def test_the_kind_is_told_from_the_columns(tmp_path, row, kind, text):
    check = prepared(tmp_path, [row])
    assert check.report.kind == kind
    (made,) = texts(check.rows())
    assert made == (text or TEMPLATES[2].render("a") + "b")
    assert all(column in check.report.kind_reason for column in check.report.mapping.values())


def test_the_mapping_is_the_users(tmp_path):
    rows = [{"frage": "a", "antwort": "b", "output": "wrong"}]
    check = prepared(tmp_path, rows, mapping={"instruction": "frage", "output": "antwort"})
    assert texts(check.rows()) == [TEMPLATES[2].render("a") + "b"]
    assert check.report.ignored_columns == ("output",)
    with pytest.raises(DataError, match=r"no column 'reponse' for output\. Columns: frage, antwort, output"):
        prepared(tmp_path, rows, mapping={"output": "reponse"})
    with pytest.raises(DataError, match="'answer' is nothing a column can be"):
        prepared(tmp_path, rows, mapping={"answer": "antwort"})
    with pytest.raises(DataError, match="Rows of the kind text need text"):
        prepared(tmp_path, rows, kind="text")


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"loss": "some"}, "answers, all, or after"),
        ({"loss": "after:"}, "needs the text"),
        ({"holdout": 1.5}, "whole number"),
        ({"format": "alpaca", "template": "alpaca"}, "one of the two"),
        ({"holdout": 0.5, "evaluation": ("x",)}, "one of the two"),
        ({"template": "alpacca"}, "Did you mean alpaca"),
        ({"template": "model"}, "no model is named"),
        ({"format": "alpacca"}, "alpaca-chatbot, alpaca, vicuna"),
        ({"format": "a\0b"}, "no format|not a format"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(tmp_path, plan, words):
    with pytest.raises(DataError, match=words):
        prepared(tmp_path, [{"instruction": "a", "output": "b"}], **plan)


def test_nothing_named_is_refused():
    with pytest.raises(DataError, match="No data file"):
        prepare(DataPlan(sources=()))
    for source in ("/nowhere/at all.json", "a\0b", "/" + "x" * 5000):
        with pytest.raises(DataError):
            prepare(DataPlan(sources=(source,)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(ANSWER, ANSWER), min_size=1, max_size=5), st.sampled_from([",", ";", "\t", "|"]))
def test_a_table_reads_what_python_writes(tmp_path_factory, pairs, delimiter):
    path = tmp_path_factory.mktemp("table") / ("a.tsv" if delimiter == "\t" else "a.csv")
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([("instruction", "output"), *pairs])
    check = prepare(DataPlan(sources=(str(path),), template="plain"))
    # The csv module makes \r inside quotes what it is; a line of blanks is no row.
    assert texts(check.rows()) == [asked + told for asked, told in pairs]
