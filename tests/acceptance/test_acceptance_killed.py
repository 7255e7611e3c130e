"""A run of the real loader, in its own detached engine, killed at any moment and resumed by the user."""

from __future__ import annotations

import random
import sys
import time

import pytest

from desktop.api import StepDone
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import holder
from desktop.library.runs.history import read_history
from tests.runs_kit import entries, events, kill, wait_until

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX"),
]

MOMENTS = 20
SETTINGS = ("epochs=40", "batch_size=4", "learning_rate=5e-3", "save_every=3", "dropout=0.1", "eval_every=7")


def test_killed_at_20_moments_and_resumed_the_weights_are_those_of_the_whole_run(command, tiny_home, alpaca, capsys):
    """While it loads (every fifth), steps, evaluates, saves or publishes: to the bit in float32."""
    asked = ("train", "--model", "tiny", "--dtype", "float32", "--dataset", alpaca(24), "--format", "alpaca-chatbot",
             "--holdout", "4", "--set-train", *SETTINGS)  # fmt: skip
    command(tiny_home, *asked, "--output", "whole")
    loading, training = spent(RunFolder(next(tiny_home.runs.iterdir())))
    whole = (tiny_home.loras / "whole" / "adapter_model.safetensors").read_bytes()
    drawn, reached, lost = random.Random(3), [], []
    for moment in range(MOMENTS):
        name = f"killed-{moment}"
        (run,) = command(tiny_home, *asked, "--output", name, "--detach")
        folder = RunFolder(tiny_home.runs / run)
        if moment % 5 == 0:
            time.sleep(drawn.uniform(0, loading))
        else:
            wait_until(lambda folder=folder: events(folder, StepDone), 120)
            time.sleep(drawn.uniform(0, training))
        kill(folder)
        wait_until(lambda folder=folder: holder(folder.lock) is None)
        history = read_history(folder)
        reached.append(history.step)
        if history.ended is None:
            command(tiny_home, "train", "--resume", run)
            lost.append(reached[-1] - read_history(folder).started.first_step)
        assert (tiny_home.loras / name / "adapter_model.safetensors").read_bytes() == whole, (moment, history.step)
    with capsys.disabled():
        print(f"\nkilled at steps {reached} of 200; steps done again: {lost}")
    assert len(set(reached)) > MOMENTS // 4
    assert max(lost) <= 3


def spent(run: RunFolder) -> tuple[float, float]:
    """Seconds from its start to its first step, and from there to its end."""
    told = entries(run)
    first = next(entry.time for entry in told if isinstance(entry.event, StepDone))
    return first - told[0].time, told[-1].time - first
