"""How long the window stands still while it loads, answers and attaches: gaps of a 4 ms timer on its own thread."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from statistics import quantiles

from tests.benchmarks.results import Result, result
from tests.benchmarks.sides import new_home
from tests.benchmarks.starter import ROOT, starter_model
from tests.library.making import make_adapter

NAMES = tuple(f"ui.stall.{what}{part}" for what in ("load", "generate", "attach", "many") for part in ("", ".p99"))
ROUNDS = 5
ADAPTERS = 200
MANY_ADAPTERS = 1000
"""In the library while sixteen are attached."""


def run(names: Sequence[str]) -> Iterator[Result]:
    """The median of five processes, each with a library of 200 adapters."""
    with new_home() as home:
        for number in range(ADAPTERS):
            make_adapter(home.loras / f"adapter-{number:03}", rank=8 + number % 8)
        home.models.mkdir(parents=True, exist_ok=True)
        (home.models / "starter").symlink_to(starter_model())
        for what in ("load", "generate", "attach", "many"):
            both = [f"ui.stall.{what}", f"ui.stall.{what}.p99"]
            if not set(both) & set(names):
                continue
            if what == "many":
                for number in range(ADAPTERS, MANY_ADAPTERS):
                    make_adapter(home.loras / f"adapter-{number:03}", rank=8 + number % 8)
            runs = [_gaps(str(home.root), what) for _ in range(ROUNDS)]
            yield result(both[0], "ms", [max(gaps) for gaps in runs])
            yield result(both[1], "ms", [quantiles(gaps, n=100)[98] for gaps in runs])


def _gaps(home: str, what: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.stall", home, what], stdout=subprocess.PIPE, cwd=ROOT, check=True
    )
    return list(json.loads(done.stdout.splitlines()[-1]))
