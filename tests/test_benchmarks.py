"""The shape of what the benchmarks print, with a made-up case: none of the real ones runs here."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.budgets import BUDGETS, Budget
from tests.benchmarks.registry import all_cases, chosen
from tests.benchmarks.results import by_turns, result

KEYS = ["name", "value", "unit", "baseline", "ratio", "budget", "holds"]


def case(*names, figures=((2.0,), (1.0,)), error=None):
    """A case that measures nothing."""

    def run(wanted):
        for name in wanted:
            if error:
                raise error
            yield result(name, "s", *figures)

    return SimpleNamespace(NAMES=names, run=run)


FAKES = [
    case("engine.load", figures=((1.2, 9.0, 1.1), (1.0, 1.0, 5.0))),
    case("decode.adapters.1", "decode.adapters.1.peft", figures=((30.0,), (40.0,))),
    case("library.list", figures=((0.5,),)),
]


def test_json_is_one_list_of_objects_with_the_medians_the_ratio_and_the_budget(capsys):
    assert main(["--json"], FAKES) == 0
    found = json.loads(capsys.readouterr().out)
    assert all(list(one) == KEYS for one in found)
    load, adapters, peft, listing = found
    assert load == dict(zip(KEYS, ["engine.load", 1.2, "s", 1.0, 1.2, 0.3, True], strict=True))
    assert adapters == dict(zip(KEYS, ["decode.adapters.1", 30.0, "s", 40.0, 0.75, 1.0, False], strict=True))
    assert (peft["budget"], peft["holds"]) == (None, None)
    assert (listing["baseline"], listing["ratio"], listing["holds"]) == (None, None, True)


def test_the_table_says_which_budget_is_missed(capsys):
    assert main([], FAKES) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "VALUE", "BASELINE", "RATIO", "BUDGET", "HOLDS", "WHAT"]
    assert lines[0].startswith("engine.load             1.2 s  1 s       1.20   <= +0.3 s  yes")
    assert lines[1].startswith("decode.adapters.1       30 s   40 s      0.75   >= 1x      NO")


def test_a_beginning_of_a_name_stands_for_all_below_it_and_an_unknown_name_is_an_error(capsys):
    known = ["decode.adapters.1", "decode.adapters.2", "decode.stream"]
    assert chosen(known, ["decode.adapters"]) == known[:2]
    assert chosen(known, ["decode.stream"]) == known[2:]
    with pytest.raises(KeyError):
        chosen(known, ["decode.str"])
    assert main(["--json", "library"], FAKES) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["library.list"]
    with pytest.raises(SystemExit):
        main(["no.such"], FAKES)


def test_a_case_that_fails_stops_no_other_and_is_not_passed_over(capsys):
    assert main(["--json"], [case("engine.load", error=ValueError("broken")), *FAKES[1:]]) == 1
    printed = capsys.readouterr()
    assert next(one["name"] for one in json.loads(printed.out)) == "decode.adapters.1"
    assert "ValueError: broken" in printed.err
    assert "not measured: engine.load" in printed.err


@pytest.mark.parametrize(
    ("rule", "bound", "value", "baseline", "holds"),
    [
        ("ratio at least", 0.7, 7.0, 10.0, True),
        ("ratio at least", 0.7, 6.9, 10.0, False),
        ("ratio at most", 0.6, 6.0, 10.0, True),
        ("value at most", 2.0, 2.1, 100.0, False),
        ("over baseline at most", 0.3, 1.2, 1.0, True),
        ("over baseline at most", 0.3, 1.4, 1.0, False),
        ("ratio at least", None, 1.0, 9.0, None),
    ],
)
def test_budgets(rule, bound, value, baseline, holds):
    assert Budget(rule, bound, "").holds(value, baseline) is holds


def test_sides_take_turns_after_a_warm_up_that_does_not_count():
    calls = []

    def side(name):
        return lambda: calls.append(name) or float(len(calls))

    assert by_turns(2, side("a"), side("b")) == [[3.0, 5.0], [4.0, 6.0]]
    assert calls == ["a", "b"] * 3


def test_every_case_has_a_place_in_the_table_of_budgets_and_a_name_of_its_own():
    names = [name for module in all_cases() for name in module.NAMES]
    assert set(names) <= set(BUDGETS)
    assert len(names) == len(set(names))
