"""Listing a library of 1,000 adapters with what their configurations and headers say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from desktop.library.adapters import list_adapters
from desktop.library.settings import Settings
from tests.benchmarks.results import Result, by_turns, result
from tests.benchmarks.sides import new_home
from tests.library.making import make_adapter

NAMES = ("library.list",)
ROUNDS = 5
ADAPTERS = 1000


def run(names: Sequence[str]) -> Iterator[Result]:
    """The baseline reads the configurations and looks at nothing else."""
    with new_home() as home:
        for number in range(ADAPTERS):
            make_adapter(home.loras / f"adapter-{number:04}", rank=8 + number % 8)

        def ours() -> float:
            started = perf_counter()
            found = list_adapters(home, Settings())
            seconds = perf_counter() - started
            assert len(found) == ADAPTERS
            assert not any(entry.problem for entry in found)
            return seconds

        values, baselines = by_turns(ROUNDS, ours, lambda: _read(home.loras))
    yield result("library.list", "s", values, baselines)


def _read(folder: Path) -> float:
    started = perf_counter()
    for entry in folder.iterdir():
        json.loads((entry / "adapter_config.json").read_bytes())
    return perf_counter() - started
