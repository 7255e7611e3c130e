"""`lora-deck evaluate` with a pretended trainer: the table, what is remembered, and what is refused."""

from __future__ import annotations

import json
import math

import pytest

from tests.library.making import make_adapter
from tests.runs_kit import make_pretended


@pytest.fixture
def evaluate(run, home, third_party, tmp_path):
    """`lora-deck evaluate` of a model and two adapters on three rows."""
    third_party("trainer")
    make_pretended(home.models / "word")
    make_adapter(home.loras / "a")
    make_adapter(home.loras / "b é", alpha=3)
    rows = [{"instruction": f"Say {n}", "input": "", "output": f"It is {n}."} for n in range(3)]
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")

    def command(*more):
        return run("evaluate", "--model", "word", "--dataset", tmp_path / "rows.json", *more)

    return command


def lines(ran):
    """Name, loss and whether it was known, of each line."""
    assert ran.status == 0, ran.err
    return [(row["name"], round(row["loss"], 6), row["known"]) for row in map(json.loads, ran.out.splitlines())]


def test_base_each_adapter_and_the_stack(evaluate):
    ran = evaluate("--lora", "a", "--lora", "b é=2", "--each", "--json")
    assert lines(ran) == [("base", 2.0, False), ("a", 1.9, False), ("b é=2", 1.8, False), ("stack", 1.7, False)]
    row = json.loads(ran.out.splitlines()[-1])
    assert row["perplexity"] == pytest.approx(math.exp(1.7))
    assert row["adapters"] == ["a=1", "b é=2"]
    assert (row["tokens"], row["rows"]) == (30, 3)


def test_what_was_measured_is_not_measured_again(evaluate, home):
    assert lines(evaluate("--lora", "a", "--json")) == [("base", 2.0, False), ("a", 1.9, False)]
    with (home.cache / "evaluations.jsonl").open("ab") as file:
        file.write(b'{"key": "torn')
    ran = evaluate("--lora", "a", "--lora", "b é", "--each", "--json")
    assert lines(ran) == [("base", 2.0, True), ("a", 1.9, True), ("b é", 1.9, False), ("stack", 1.8, False)]
    assert lines(evaluate("--lora", "a", "--json", "--again")) == [("base", 2.0, False), ("a", 1.9, False)]
    assert lines(evaluate("--cutoff", "64", "--json")) == [("base", 2.0, False)]
    make_adapter(home.loras / "a", rank=4)
    assert lines(evaluate("--lora", "a", "--json")) == [("base", 2.0, True), ("a", 1.9, False)]


def test_the_table_for_people(evaluate):
    ran = evaluate("--lora", "a")
    assert ran.out.splitlines() == [
        "WHAT  PERPLEXITY  LOSS    ACCURACY  TOKENS",
        "base  7.389       2.0000  50.0%     30",
        "a     6.686       1.9000  50.0%     30",
    ]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--cutoff", "2"), "--cutoff: Expected `int` >= 8"),
        (("--stride", "-1"), "--stride: a whole number from 0 on."),
        (("--lora", "nobody"), "There is no adapter 'nobody'."),
        (("--loss", "some"), "The loss 'some' is not known."),
    ],
)
def test_what_makes_no_sense_is_refused(evaluate, more, sentence):
    ran = evaluate(*more)
    assert (ran.status, ran.out) == (1, "")
    assert sentence in ran.err
    assert "Traceback" not in ran.err
