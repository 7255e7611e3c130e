"""One QApplication for the run, and a window on a session that starts nothing."""

from __future__ import annotations

import os
import sys

import pytest

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    # The window's tests run wherever Qt does, with a screen or without.
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QEvent, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from desktop.app import make_application
from desktop.session.saved import Saved
from desktop.ui import theme
from desktop.ui.main_window import MainWindow
from tests.ui import gallery
from tests.ui.fake_session import FakeSession
from tests.ui.hands import until


@pytest.fixture(scope="session")
def application():
    """The one there may be in a process."""
    return QApplication.instance() or make_application(["lora-deck"])


@pytest.fixture(autouse=True)
def _no_complaints(application, monkeypatch):
    """No exception is lost in a slot, and Qt has nothing to warn of."""
    said = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: said.append(error))

    def listen(kind, context, text):
        # What a platform without a desktop can't do is no fault of the window's.
        if kind is not QtMsgType.QtDebugMsg and "plugin does not support" not in text:
            said.append(text)

    before = qInstallMessageHandler(listen)
    yield
    qInstallMessageHandler(before)
    assert not said


@pytest.fixture
def session(application, tmp_path):
    """It starts nothing; a test drives its signals."""
    return FakeSession(tmp_path / "home")


@pytest.fixture
def make_window(session):
    """Call it with what was saved: a window that shows, has begun and has the keyboard."""
    made = []

    def make(saved=None, session=session, size=(1280, 800)):
        window = MainWindow(session, saved or Saved(theme="light"))
        made.append(window)
        window.resize(*size)
        window.show()
        window.activateWindow()
        until(window.isActiveWindow)
        return window

    yield make
    for window in made:
        end(window)
    theme.use_theme("system")


@pytest.fixture
def window(make_window):
    """The window at its first start."""
    window = make_window()
    window.begin(None, None)
    return window


@pytest.fixture
def ready(window, session):
    """The window with the starter loaded and four adapters on the stack, of which one was refused."""
    gallery.ready(window, session)
    return window


def end(window):
    """Close a window and delete its widgets now, not at some later turn of the event loop."""
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
