"""`lora-deck train` under torchrun: two processes, one run, the losses of one process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from desktop.api import StepDone
from desktop.cli.main import main
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import holder
from tests import tiny
from tests.runs_kit import events, wait_until

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX"),
]

SAME = 1e-5
"""Relative difference of losses: the same numbers, added up in another order."""
SETTINGS = ("epochs=2", "batch_size=4", "learning_rate=5e-3", "save_every=3", "eval_every=2", "dropout=0")


@pytest.fixture
def library(home, own_loaders, tmp_path):
    """A home with a tiny model, and a run file."""
    tiny.make_model(home.models / "tiny")
    rows = [{"instruction": f"Say {n}", "output": f"It is {n}." * (n % 4 + 1)} for n in range(21)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    (tmp_path / "run.toml").write_text(
        'name = "unnamed"\nmodel = {name = "tiny", dtype = "float32"}\n'
        'data = {sources = ["rows.json"], format = "alpaca-chatbot", holdout = 4}\n'
    )
    return home


def torchrun(*arguments: object) -> list[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "desktop"]
    return [*command, *map(str, arguments)]


def train(run_file: Path, name: str, *more: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Train in two processes."""
    command = torchrun("train", run_file, "--output", name, "--json", "--set-train", *SETTINGS, *more)
    ran = subprocess.run(command, text=True, capture_output=True, timeout=300)
    assert not check or ran.returncode == 0, ran.stderr
    return ran


def losses(told: str, kind: str = "step") -> list[float]:
    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    return [line["event"]["loss"] for line in lines if line.get("event", {}).get("type") == kind]


def weights(home, name):
    return load_file(home.loras / name / "adapter_model.safetensors")


def test_two_processes_keep_one_run_and_learn_what_one_learns(library, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run_file = tmp_path / "run.toml"
    assert main(["train", str(run_file), "--output", "one", "--json", "--set-train", *SETTINGS]) == 0
    alone = capsys.readouterr().out
    told = train(run_file, "two").stdout
    assert len(losses(told)) == 10
    assert losses(told) == pytest.approx(losses(alone), rel=SAME)
    assert losses(told, "evaluated") == pytest.approx(losses(alone, "evaluated"), rel=SAME)
    ours, theirs = weights(library, "two"), weights(library, "one")
    assert all(torch.allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-5) for name in theirs)
    assert sorted(path.name for path in library.loras.iterdir()) == ["one", "two"]
    assert len(list(library.runs.iterdir())) == 2
    assert not list(library.cache.glob("process-*"))


def test_stopped_by_a_signal_it_keeps_what_it_learnt_and_goes_on(library, tmp_path):
    run_file = tmp_path / "run.toml"
    command = torchrun("train", run_file, "--output", "long", "--set-train", *SETTINGS, "epochs=40")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout))
    reader.start()
    (root,) = wait_until(lambda: list(library.runs.glob("*")), 120)
    folder = RunFolder(root)
    wait_until(lambda: events(folder, StepDone), 120)
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    reader.join()
    process.stdout.close()
    assert holder(folder.lock) is None
    reached = events(folder, StepDone)[-1].step
    assert (folder.checkpoints / f"step-{reached}").is_dir(), lines
    assert (library.loras / "long").is_dir()
    resumed = subprocess.run(torchrun("train", "--resume", root.name), text=True, capture_output=True, timeout=300)
    assert resumed.returncode == 0, resumed.stderr
    assert [step.step for step in events(folder, StepDone)] == list(range(1, 201))
