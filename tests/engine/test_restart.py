"""Starting again: the same model, the same stack, and nothing forgotten where that fails."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from desktop.engine.jobs import JobFailed
from desktop.engine.messages import Step
from tests.engine.puppets import SOON, load, row, state

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


@posix
@pytest.mark.parametrize("crash", [True, False])
def test_restart_brings_back_the_model_and_the_stack(loaded, crash):
    rows = (row("b", 0.5), row("a", enabled=False))
    loaded.set_stack(rows).result(SOON)
    if crash:
        os.kill(loaded.pid, signal.SIGSEGV)
    steps = []
    loaded.restart(steps.append)
    assert loaded.stack == rows
    assert [name for name, *_ in state(loaded)[0]] == ["b", "a"]


def test_restart_tells_the_progress_of_loading(engine):
    load(engine, "progress('Reading', 0.5)")
    steps = []
    engine.restart(steps.append)
    assert [(step.step, step.fraction) for step in steps] == [("Reading", 0.5)]
    assert all(isinstance(step, Step) for step in steps)


def test_restart_without_a_model_is_an_idle_engine(engine):
    number = engine.pid
    engine.restart()
    assert engine.pid != number
    assert engine.loaded is None


def test_what_the_user_had_is_remembered_though_the_restart_fails(engine, tmp_path):
    flag = tmp_path / "gone"
    load(engine, f"if os.path.exists({str(flag)!r}): raise LoaderError('The model is gone.')")
    engine.set_stack([row("a")]).result(SOON)
    before = engine.loaded
    flag.touch()
    with pytest.raises(JobFailed, match="The model is gone"):
        engine.restart()
    assert (engine.loaded, engine.stack) == (before, (row("a"),))
    flag.unlink()
    engine.restart()
    assert state(engine)[0] == [["a", 1.0, "/loras/a"]]


def test_what_the_user_had_is_remembered_though_the_stack_fails(loaded, tmp_path):
    flag = tmp_path / "gone"
    rows = (row("a", code=f"before: if os.path.exists({str(flag)!r}): raise LoaderError('a is gone')"),)
    loaded.set_stack(rows).result(SOON)
    flag.touch()
    with pytest.raises(JobFailed, match="a is gone"):
        loaded.restart()
    assert loaded.stack == rows
    assert state(loaded)[0] == []
