"""A download with every byte verified, against the hub library's own `snapshot_download` from the same server."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from desktop.library.hub.events import Finished, Task
from desktop.library.hub.worker import Worker
from tests.benchmarks.results import Result, by_turns, result
from tests.library.fake_hub import FakeHub, fake_hub

NAMES = ("download.speed",)
ROUNDS = 3
FILES, SIZE = 6, 24 << 20
"""Shards of a model, and the bytes of each."""
BARE = """
import sys
from huggingface_hub import snapshot_download
from huggingface_hub.utils import disable_progress_bars
disable_progress_bars()
snapshot_download("a/model", local_dir=sys.argv[1])
print("done", flush=True)
sys.stdin.read()
"""


def run(names: Sequence[str]) -> Iterator[Result]:
    """Megabytes a second, from the first question to the end; either side runs in a process of its own."""
    files = {f"model-{n:05}-of-{FILES:05}.safetensors": random.Random(n).randbytes(SIZE) for n in range(1, FILES + 1)}
    files["config.json"] = b"{}"
    with fake_hub() as hub, tempfile.TemporaryDirectory(prefix="download-speed-") as folder:
        hub.add("a/model", files)
        os.environ["HF_ENDPOINT"], os.environ["HF_HOME"] = hub.url, f"{folder}/hf"
        values, baselines = by_turns(ROUNDS, lambda: _ours(Path(folder), hub), lambda: _bare(Path(folder), hub))
    yield result("download.speed", "MB/s", values, baselines)


def _ours(folder: Path, hub: FakeHub) -> float:
    hub.times.clear()
    worker = Worker(Task(repo="a/model", models=str(folder), loras=str(folder), folder="ours"))
    ended = next((perf_counter() for event in worker.events() if isinstance(event, Finished)), 0.0)
    worker.stop()
    assert ended, "the download failed"
    shutil.rmtree(folder / "ours")
    return FILES * SIZE / 1e6 / (ended - hub.times[0])


def _bare(folder: Path, hub: FakeHub) -> float:
    hub.times.clear()
    # Plain HTTP on both sides: the server here speaks no Xet.
    env = {**os.environ, "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", BARE, str(folder / "bare")]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        ended = perf_counter()
    shutil.rmtree(folder / "bare")
    return FILES * SIZE / 1e6 / (ended - hub.times[0])
