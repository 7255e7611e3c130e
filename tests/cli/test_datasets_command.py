"""`lora-deck datasets` and `lora-deck datasets check`."""

from __future__ import annotations

import json

import pytest

ROWS = [{"instruction": "Ask.", "output": "Tell."}, {"instruction": "Ask.", "output": ""}, 5]


@pytest.fixture
def data(home):
    """A dataset of the library with two bad rows."""
    home.datasets.mkdir(parents=True)
    path = home.datasets / "mine.json"
    path.write_text(json.dumps(ROWS, indent=1))
    return path


def test_the_list(run, data, home):
    (home.datasets / "broken.csv").write_text("")
    ran = run("datasets")
    assert ran.status == 0
    lines = ran.out.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "ROWS", "SIZE"]
    assert lines[2] == "    can't be used: broken.csv is empty. Choose another file."
    assert lines[3].split()[:3] == ["mine.json", "alpaca", "3"]
    assert lines[4] == "Formats: alpaca-chatbot, alpaca, vicuna"
    found = run("datasets", "--json").json
    assert [one["name"] for one in found["datasets"]] == ["broken.csv", "mine.json"]
    assert found["folders"] == [str(home.datasets)]


def test_an_empty_library(run, home):
    ran = run("datasets")
    assert ran.status == 0
    assert str(home.datasets) in ran.err


def test_bad_rows_stop_unless_they_are_skipped(run, data):
    ran = run("datasets", "check", "mine")
    assert ran.status == 1
    assert "1 row to train on, 0 rows for evaluation, 2 bad." in ran.out
    assert "mine.json, row 2 (line 6): 'output' is empty, so there is nothing to learn." in ran.out
    assert "mine.json, row 3 (line 10): The row is a number." in ran.out
    assert "2 rows can't be used. The first: mine.json, row 2 (line 6)" in ran.err
    assert run("datasets", "check", "mine", "--skip").status == 0
    found = run("datasets", "check", data, "--json")
    assert found.status == 1
    assert found.json["usable"] is False
    assert found.json["report"]["bad_by_reason"] == {"empty output": 1, "not an object": 1}


def test_a_row_is_shown_with_what_is_learnt(run, data):
    ran = run("datasets", "check", "mine", "--skip", "--show", "1", "--format", "alpaca-chatbot")
    assert ran.out.endswith("\nUser: Ask.\nAssistant: [[Tell.]]\n")
    ran = run("datasets", "check", "mine", "--skip", "--show", "1", "--template", "plain", "--loss", "after:As")
    assert ran.out.endswith("\nAs[[k.Tell.]]\n")
    ran = run("datasets", "check", "mine", "--skip", "--show", "2")
    assert (ran.status, ran.out) == (1, "")
    assert "row 2 (line 6)" in ran.err


def test_a_row_can_not_drive_the_terminal(run, data):
    data.write_text(json.dumps([{"instruction": "a\x1b[31m\nb", "output": "\x9bc"}]))
    ran = run("datasets", "check", "mine", "--show", "1")
    assert ran.status == 0
    assert "\x1b" not in ran.out + ran.err
    assert "\x9b" not in ran.out


def test_options_reach_the_plan(run, data):
    data.write_text(json.dumps([{"q": str(number), "a": "x"} for number in range(10)]))
    words = ("--mapping", "instruction=q", "--mapping", "output=a", "--holdout", "0.2", "--seed", "3", "--json")
    report = run("datasets", "check", "mine", *words).json["report"]
    assert (report["rows"], report["evaluation_rows"]) == (8, 2)
    assert report["mapping"] == {"instruction": "q", "output": "a"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("none",), "no dataset 'none'"),
        (("mine", "--mapping", "output"), "ROLE=COLUMN"),
        (("mine", "--mapping", "output=x"), "no column 'x'"),
        (("mine", "--loss", "some"), "answers, all, or after"),
        (("mine", "--template", "none"), "no template 'none'"),
        (("mine", "--format", "none"), "no format 'none'"),
        (("mine", "--holdout", "-1"), "can't be asked for like this"),
        (("mine", "--model", "none"), "no model 'none'"),
    ],
)
def test_what_makes_no_sense_is_told(run, data, words, told):
    ran = run("datasets", "check", *words)
    assert ran.status == 1
    assert told in ran.err
    assert ran.out == ""
