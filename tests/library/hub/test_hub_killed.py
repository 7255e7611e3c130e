"""`lora-deck download` killed at moments drawn by chance: it goes on, and fetches nothing that was there again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import psutil
import pytest

from desktop.library.hub.record import find_unfinished, part_size, staging_of
from desktop.library.hub.repo_paths import RECORD
from tests.library.fake_hub import BLOCK
from tests.library.hub.repositories import adapter_files, content

MOMENTS = 20
SLICE = (0, 7, 14)
SIZE = 1_500_000
PIECES = {f"adapter_model-{number:05}-of-00005.safetensors" for number in range(1, 6)}


@pytest.mark.parametrize("seed", SLICE)
def test_killed_at_a_few_moments(seed, hub, as_bytes, home):
    killed(seed, hub, as_bytes, home)


@pytest.mark.long
@pytest.mark.parametrize("seed", sorted(set(range(MOMENTS)) - set(SLICE)))
def test_killed_at_many_moments(seed, hub, as_bytes, home):
    killed(seed, hub, as_bytes, home)


def killed(seed, hub, as_bytes, home):
    """Kill the program, or its child, after some of the bytes; start it again until it ends by itself."""
    chance = random.Random(seed)
    files = as_bytes(adapter_files(seed)) | {path: chance.randbytes(SIZE // 5) for path in PIECES}
    hub.add("tloen/alpaca-lora-7b", files)
    target = home.loras / "tloen_alpaca-lora-7b"
    kill_after(chance.randint(0, SIZE - BLOCK), "program" if seed % 2 else "child", hub)
    assert not target.exists()
    finished, parts = kept(target)
    sent = Counter(hub.sent)
    ended = start(hub).wait(60)
    assert ended == 0
    check_kept(finished, parts, sent, hub, files)
    assert {path: data for path, data in content(target).items() if path != RECORD} == files
    assert find_unfinished(home.loras) == []


def kill_after(count, victim, hub):
    """Run it until so many further bytes have been sent, and end it as the system does when memory is out."""
    reached = threading.Event()
    goal = sum(hub.sent.values()) + count

    def gate(path, sent):
        time.sleep(0.005)
        if sum(hub.sent.values()) >= goal:
            reached.set()

    hub.gate = gate
    program = start(hub)
    assert reached.wait(60)
    children = psutil.Process(program.pid).children()
    assert len(children) == 1
    os.kill(program.pid if victim == "program" else children[0].pid, signal.SIGKILL)
    assert program.wait(20) != 0
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.wait(10)
    hub.gate = None


def check_kept(finished, parts, before, hub, files):
    """A finished file is not asked for again, and of a part only what was missing comes."""
    for path in files:
        came = hub.sent[path] - before[path]
        if path in finished:
            assert came == 0, f"{path} came again"
        elif path in parts:
            assert came <= len(files[path]) - parts[path], f"{path} began anew"


def kept(target):
    """The files that have their final names, and the bytes of those that have come in part."""
    (one,) = find_unfinished(target.parent)
    staging = staging_of(target)
    finished = {file.path for file in one.record.files if (staging / file.path).is_file()}
    parts = {file.path: part_size(staging, file) for file in one.record.files if file.path not in finished}
    return finished, parts


def start(hub):
    """The program, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "desktop.cli.main", "download", "tloen/alpaca-lora-7b"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


assert BLOCK < SIZE // 5, "a file has to come in several blocks, or it could not be cut in the middle"
