"""The real session with real engine processes over puppets: loaders that do what the test says, without torch."""

from __future__ import annotations

import signal
import sys
from functools import partial
from types import SimpleNamespace

import psutil
import pytest
from PySide6.QtCore import QCoreApplication, QEvent

from desktop.library.settings import Settings
from desktop.session.plans import LoadPlan, State
from desktop.session.session import Session
from tests.engine.puppets import PLUGINS
from tests.metadata import write_metadata
from tests.ui.conftest import _no_complaints, application  # noqa: F401 - fixtures
from tests.ui.hands import until

SIGNALS = (
    "state_changed", "progressed", "model_loaded", "model_unloaded", "load_failed", "load_cancelled", "stack_changed",
    "answer_grew", "answer_ended", "answer_failed", "engine_lost", "tokens_counted", "files_changed", "work_failed",
)  # fmt: skip
PROMPTLY = 2.0
"""Seconds within which a loss or a cancellation must be told."""


class Heard:
    """What a session told, in order."""

    def __init__(self, session):
        self.told = []
        for name in SIGNALS:
            getattr(session, name).connect(partial(self._note, name))

    def _note(self, name, *args):
        self.told.append((name, args))

    def of(self, name):
        """The arguments of every telling of this."""
        return [args for told, args in self.told if told == name]

    def wait(self, name, seconds=20.0):
        """Wait until it is told once more; its first argument."""
        there = len(self.of(name))
        until(lambda: len(self.of(name)) > there, seconds)
        args = self.of(name)[-1]
        return args[0] if args else None


@pytest.fixture
def puppets(tmp_path, add_folder):
    """Two registered loaders: a puppet, and one that takes changes while it answers."""
    installed = tmp_path / "installed-puppets"
    write_metadata(installed, {"puppet": "puppet", "live": "live_puppet"}, "puppets")
    add_folder(PLUGINS)
    add_folder(installed)


@pytest.fixture
def session(application, home, puppets):  # noqa: F811
    """A session that has heard of the puppets and started nothing."""
    session = Session(home, Settings())
    yield session
    session.shut_down()
    session.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def heard(session):
    """What the session tells from the start."""
    return Heard(session)


@pytest.fixture
def model(tmp_path):
    """A file that passes for a model."""
    file = tmp_path / "models" / "polly.safetensors"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"feathers")
    return file


@pytest.fixture
def plan(model):
    """Call it with what the puppet runs while it loads."""

    def make(run="", loader="puppet", name="polly"):
        return LoadPlan(name=name, path=str(model), loader=loader, settings={"run": run})

    return make


@pytest.fixture
def loaded(session, heard, plan):
    """The session with a puppet in its engine."""
    session.load(plan())
    until(lambda: session.state is State.READY)
    return session


def pid_of(session):
    """The engine's process."""
    return session._driver.client.pid


def kill(session):
    """As the system does when memory runs out."""
    psutil.Process(pid_of(session)).send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)


def attached(session):
    """The engine's own stack, as [id, weight] in order."""
    return [[row.id, row.effective_weight] for row in session._driver.client.stack]


def note(**fields):
    """A bundle of values."""
    return SimpleNamespace(**fields)
