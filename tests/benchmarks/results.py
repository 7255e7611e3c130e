"""What a benchmark has found, for people and for machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from .budgets import BUDGETS, Budget

HEADS = ("NAME", "VALUE", "BASELINE", "RATIO", "BUDGET", "HOLDS", "WHAT")
WORDS = {True: "yes", False: "NO", None: ""}


class Result(msgspec.Struct, frozen=True):
    """One line of the table, one object of `--json`."""

    name: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    """value / baseline."""
    budget: float | None
    holds: bool | None


def result(name: str, unit: str, values: Sequence[float], baselines: Sequence[float] = ()) -> Result:
    """The medians of both sides, held against the table of budgets."""
    value = median(values)
    baseline = median(baselines) if baselines else None
    budget = BUDGETS[name]
    return Result(
        name=name,
        value=_rounded(value),
        unit=unit,
        baseline=None if baseline is None else _rounded(baseline),
        ratio=None if not baseline else _rounded(value / baseline),
        budget=budget.bound,
        holds=budget.holds(value, baseline),
    )


def by_turns(rounds: int, *sides: Callable[[], float]) -> list[list[float]]:
    """Measure each side once to warm it, then all of them `rounds` times by turns; the figures of each side."""
    for side in sides:
        side()
    figures: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, found in zip(sides, figures, strict=True):
            found.append(side())
    return figures


def table(results: Sequence[Result]) -> str:
    """Aligned columns."""
    rows = [HEADS, *(_row(one) for one in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(one: Result) -> tuple[str, ...]:
    budget = BUDGETS[one.name]
    return (
        one.name,
        f"{one.value:g} {one.unit}",
        "" if one.baseline is None else f"{one.baseline:g} {one.unit}",
        "" if one.ratio is None else f"{one.ratio:.2f}",
        _bound(budget, one.unit),
        WORDS[one.holds],
        budget.what,
    )


def _bound(budget: Budget, unit: str) -> str:
    if budget.bound is None:
        return ""
    sign = ">=" if budget.rule == "ratio at least" else "<="
    if budget.rule.startswith("ratio"):
        return f"{sign} {budget.bound:g}x"
    return f"{sign} {'+' if budget.rule == 'over baseline at most' else ''}{budget.bound:g} {unit}"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
