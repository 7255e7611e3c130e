"""Decoding with a folded stack, over our own decoding of the bare base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.benchmarks.adapters import make_adapters
from tests.benchmarks.cases.decode_adapters import rows
from tests.benchmarks.results import Result, by_turns, result
from tests.benchmarks.sides import engine, load, new_home, speed
from tests.benchmarks.starter import starter_model

NAMES = ("decode.folded",)
ROUNDS = 5
TOKENS = 64


def run(_: Sequence[str]) -> Iterator[Result]:
    """Two engines with the same base, by turns; one has two adapters folded in."""
    path = starter_model()
    with new_home() as home:
        folders = make_adapters(home.loras, path, 2)
        with engine(home) as folded, engine(home) as base:
            load(folded, path)
            load(base, path)
            folded.set_stack(rows(folders)).result()
            folded.set_mode("folded").result()
            yield result(
                "decode.folded",
                "tokens/s",
                *by_turns(ROUNDS, lambda: speed(folded, TOKENS), lambda: speed(base, TOKENS)),
            )
