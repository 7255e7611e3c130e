"""How long a new process takes until its window is painted, with 200 adapters in the library."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from tests.benchmarks.results import Result, by_turns, result
from tests.benchmarks.sides import new_home
from tests.benchmarks.starter import ROOT
from tests.library.making import make_adapter

NAMES = ("startup.window",)
ROUNDS = 9
ADAPTERS = 200


def run(names: Sequence[str]) -> Iterator[Result]:
    """The baseline is an empty main window of PySide6."""
    with new_home() as home:
        for number in range(ADAPTERS):
            make_adapter(home.loras / f"adapter-{number:03}", rank=8 + number % 8)
        values, baselines = by_turns(ROUNDS, lambda: _open("window", home.root), lambda: _open("empty", home.root))
    yield result("startup.window", "s", values, baselines)


def _open(which: str, home: Path) -> float:
    started = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.shown", which],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "LORA_DECK_HOME": str(home)},
    )
    with process:
        assert process.stdout
        line = process.stdout.readline()
        seconds = perf_counter() - started
    if line != b"shown\n":
        raise EOFError("the window was never painted; is there a display?")
    return seconds
