"""The session of the window's tests has the very signals and verbs of the real one."""

from __future__ import annotations

import inspect

from PySide6.QtCore import QObject, Signal

from desktop.session.session import Session
from tests.ui.fake_session import VERBS, FakeSession


def signals(kind):
    return {name: str(signal) for name, signal in vars(kind).items() if isinstance(signal, Signal)}


def verbs(kind):
    own = {name for name, what in vars(kind).items() if inspect.isfunction(what) and not name.startswith("_")}
    return own - {name for name, _ in inspect.getmembers(QObject)}


def test_the_signals_are_the_same():
    real = {name: text.partition("(")[2] for name, text in signals(Session).items()}
    fake = {name: text.partition("(")[2] for name, text in signals(FakeSession).items()}
    assert fake == real


def test_the_verbs_are_the_same():
    assert set(VERBS) == verbs(Session)


def test_what_the_window_reads_is_there(application, tmp_path):
    fake = FakeSession(tmp_path)
    for name in ("home", "settings", "state", "loaded"):
        assert hasattr(fake, name)
        assert f"self.{name}" in inspect.getsource(Session.__init__)
