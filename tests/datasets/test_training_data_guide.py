"""The examples in the guide to training data are what it says they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from desktop.datasets import DataPlan, prepare
from desktop.datasets.formats import find_format

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "training-data.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"\(`(\w+\.\w+)`\)[^`]*(?:`[^`\n]*`[^`]*)*?```\w+\n(.*?)```", GUIDE, re.DOTALL))
KINDS = {
    "instructions.json": "alpaca",
    "conversations.jsonl": "messages",
    "sharegpt.json": "conversations",
    "completions.jsonl": "completion",
    "questions.csv": "alpaca",
    "texts.jsonl": "text",
}


def test_every_example_is_known():
    assert set(EXAMPLES) == {*KINDS, "format.json"}


@pytest.mark.parametrize("name", KINDS)
def test_an_example_is_of_its_kind(tmp_path, name):
    (tmp_path / name).write_text(EXAMPLES[name], encoding="utf-8")
    report = prepare(DataPlan(sources=(str(tmp_path / name),))).report
    assert report.kind == KINDS[name]
    assert report.bad == 0
    assert report.rows > 0


def test_the_format_is_one(tmp_path):
    (tmp_path / "format.json").write_text(EXAMPLES["format.json"], encoding="utf-8")
    parts = find_format(str(tmp_path / "format.json")).parts({"instruction": "x", "input": "", "output": "y"}, {})
    assert [part.text for part in parts] == ["Q: x\nA: ", "y"]
