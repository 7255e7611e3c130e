"""What reaches an engine when something happens to the program: its end does, Ctrl-C doesn't."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from desktop.engine.child.inbox import EXIT_GRACE
from tests.engine.puppets import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shell(tmp_path):
    """Starts a program with an engine that does this work; (the program, the engine's process)."""
    started = []

    def start(work):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.shell", work, str(tmp_path / work)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, psutil.Process(int(process.stdout.readline()))

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def is_gone(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_the_engine_ends_when_the_program_is_killed(shell):
    """At once where it can be cancelled, after the grace where it can't."""
    pairs = {work: shell(work) for work in ("idle", "generating", "printing", "loading")}
    for program, _ in pairs.values():
        program.kill()
    for work in ("idle", "generating", "printing"):
        wait_until(lambda work=work: is_gone(pairs[work][1]), 3)
    wait_until(lambda: is_gone(pairs["loading"][1]), EXIT_GRACE + 3)


def test_ctrl_c_reaches_the_program_and_not_the_engine(shell):
    program, engine = shell("idle")
    assert os.getpgid(program.pid) == program.pid != os.getpgid(engine.pid)
    os.killpg(program.pid, signal.SIGINT)
    assert program.stdout.readline() == "interrupted, 4 words\n"
    assert program.wait(10) == 0
    assert is_gone(engine)
