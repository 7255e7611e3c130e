"""A streamed answer through the client and the engine process, over bare `generate` without streaming."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.benchmarks.results import Result, by_turns, result
from tests.benchmarks.sides import Bare, engine, load, new_home, speed
from tests.benchmarks.starter import starter_model

NAMES = ("decode.stream",)
ROUNDS = 5
TOKENS = 64


def run(names: Sequence[str]) -> Iterator[Result]:
    """The same weights, bfloat16, greedy, the same prompt."""
    path = starter_model()
    with new_home() as home, engine(home) as client, Bare() as other:
        load(client, path)
        other.ask("load", path=str(path))
        values, baselines = by_turns(ROUNDS, lambda: speed(client, TOKENS), lambda: other.speed(TOKENS))
    yield result("decode.stream", "tokens/s", values, baselines)
