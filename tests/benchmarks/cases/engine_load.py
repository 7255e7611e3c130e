"""How much longer "Load" takes on a warmed engine than the bare library's own load in a warmed process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.benchmarks.results import Result, by_turns, result
from tests.benchmarks.sides import Bare, engine, load, new_home
from tests.benchmarks.starter import starter_model

NAMES = ("engine.load",)
ROUNDS = 5


def run(names: Sequence[str]) -> Iterator[Result]:
    """A fresh process for each load, on both sides."""
    path = starter_model()
    with new_home() as home:

        def ours() -> float:
            with engine(home) as client:
                return load(client, path)

        def bare() -> float:
            with Bare() as other:
                return float(other.ask("load", path=str(path)))

        values, baselines = by_turns(ROUNDS, ours, bare)
    yield result("engine.load", "s", values, baselines)
