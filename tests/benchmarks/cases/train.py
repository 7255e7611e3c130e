"""Training against transformers' Trainer with PEFT: the same rows, the same batches, each side in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence

from tests.benchmarks.results import Result, result
from tests.benchmarks.starter import ROOT, starter_model
from tests.benchmarks.training import FLATTENING, OURS, PADDED

SPEED, OVER_FLATTENING, MEMORY = NAMES = ("train.speed", "train.speed.flattening", "train.memory")
ROUNDS = 2
STEPS = 9
"""The first is not counted: it allocates memory."""


def run(names: Sequence[str]) -> Iterator[Result]:
    """Every side by turns."""
    starter_model()
    sides = [OURS]
    if SPEED in names or MEMORY in names:
        sides.append(PADDED)
    if OVER_FLATTENING in names:
        sides.append(FLATTENING)
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side in sides:
            found[side].append(_measured(side))

    def figures(side: str, what: str) -> list[float]:
        return [one[what] for one in found[side]]

    if SPEED in names:
        yield result(SPEED, "tokens/s", figures(OURS, "speed"), figures(PADDED, "speed"))
    if OVER_FLATTENING in names:
        yield result(OVER_FLATTENING, "tokens/s", figures(OURS, "speed"), figures(FLATTENING, "speed"))
    if MEMORY in names:
        yield result(MEMORY, "bytes", figures(OURS, "bytes"), figures(PADDED, "bytes"))


def _measured(side: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.training", side, str(STEPS)]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, float] = json.loads(output)
    return found
