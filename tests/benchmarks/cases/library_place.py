"""The library's place with 1,000 adapters and 200 models: how soon they are listed, how it answers, what it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles

from tests.benchmarks.results import Result, result
from tests.benchmarks.sides import new_home
from tests.benchmarks.starter import ROOT
from tests.library.making import make_adapter, make_model

NAMES = ("library.place", "library.place.memory", "ui.stall.library", "ui.stall.library.p99")
ROUNDS = 3
ADAPTERS, MODELS = 1000, 200
CARD = "---\nlicense: apache-2.0\n---\n# An adapter\n\n" + "A sentence about it, and **one** more.\n\n" * 40


def run(names: Sequence[str]) -> Iterator[Result]:
    """The median of three processes; the baseline of the memory is the same window with an empty library."""
    with new_home() as empty, new_home() as home:
        for number in range(ADAPTERS):
            folder = make_adapter(home.loras / f"adapter-{number:04}", rank=8 + number % 8)
            (folder / "README.md").write_text(CARD, encoding="utf-8")
        for number in range(MODELS):
            make_model(home.models / f"model-{number:03}")
        full = [_run(home.root, ADAPTERS + MODELS) for _ in range(ROUNDS)]
        bare = [_run(empty.root, 0) for _ in range(ROUNDS)]
    yield result("library.place", "s", [seconds for seconds, _, _ in full])
    yield result("library.place.memory", "MB", [size / 1e6 for *_, size in full], [size / 1e6 for *_, size in bare])
    yield result("ui.stall.library", "ms", [median(max(gaps) for _, gaps, _ in full)])
    yield result("ui.stall.library.p99", "ms", [median(quantiles(gaps, n=100)[98] for _, gaps, _ in full)])


def _run(home: Path, count: int) -> tuple[float, list[float], int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.shelf", str(home), str(count)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
    )
    seconds, gaps, size = json.loads(done.stdout.splitlines()[-1])
    return seconds, gaps, size
