"""How the tests pull the strings of plugins/puppet.py, which is a loader that does what it is told."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from desktop.api import GenerateRequest, LoadRequest, Lora
from desktop.engine.jobs import EngineGone, JobCancelled, JobFailed
from desktop.engine.process import Launch

PLUGINS = Path(__file__).resolve().parent / "plugins"

SOON = 20.0
"""Seconds within which anything that is due must have come, on a busy machine."""

LAUNCH = Launch(sys.executable, {file.stem: str(file) for file in PLUGINS.glob("*.py")})
"""This interpreter, with every plugin of the tests."""


def load(engine, run=""):
    """Load a puppet that runs this while it loads; the ModelInfo."""
    return start_load(engine, run).result(SOON)


def start_load(engine, run=""):
    """The same, not waited for."""
    return engine.load(LoadRequest(path="/models/puppet", settings={"run": run}))


def generate(engine, code):
    """A job that runs this as its generator."""
    return engine.generate(GenerateRequest(prompt=code))


def say(engine, code):
    """The text such a job gives."""
    return "".join(chunk.text for chunk in generate(engine, code).events(SOON))


def state(engine):
    """What is attached, as [id, weight, path], and what was noted with `model.seen.append`."""
    told = json.loads(engine.render(()).result(SOON))
    return told["stack"], told["seen"]


def row(name, weight=1.0, code="", **more):
    """A row of the stack whose hooks run this; `code` starts with "before: ", "after: " or "remove: "."""
    return Lora(id=name, name=code or name, path=f"/loras/{name}", weight=weight, **more)


def wait_until(true, seconds=SOON):
    """Wait until a condition holds; fails if it doesn't in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it didn't come true in time"
        time.sleep(0.005)


def log_of(engine):
    """What the engine's processes wrote."""
    return "".join(file.read_text("utf-8", "replace") for file in sorted(engine._logs.glob("*.log")))


def outcome(job):
    """How a job ended; a TimeoutError if it doesn't."""
    try:
        job.result(SOON)
    except JobCancelled:
        return "cancelled"
    except EngineGone as gone:
        return gone.reason
    except JobFailed:
        return "failed"
    return "finished"
