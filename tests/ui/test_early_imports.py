"""What the places need is there before they are visited, without the window's thread doing the large imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from desktop.ui import early_imports
from desktop.ui.early_imports import ASIDE, LIBRARY, TRAIN, EarlyImports
from tests.ui.hands import until

WATCHED = """
import builtins, json, sys, threading, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from desktop.app import make_application
from desktop.ui import early_imports

early_imports.FIRST, early_imports.BETWEEN = 1, 1
application = make_application([])
window = QWidget()
window.show()
threads, steps = {}, []


class Spy:
    def find_spec(self, name, path=None, target=None):
        threads.setdefault(name, threading.current_thread().name)
        return None


sys.meta_path.insert(0, Spy())
made = []
early = early_imports.EarlyImports(window, lambda: len(made) < 3 and not made.append(len(steps)))
before = early._on_time_out


def measured():
    begun = time.thread_time()
    before()
    steps.append(time.thread_time() - begun)


early._timer.timeout.disconnect()
early._timer.timeout.connect(measured)
early.start()
while early._timer.isActive() or not steps:
    application.processEvents()
print(json.dumps({"threads": threads, "worst": sorted(steps)[-3:], "steps": len(steps), "made": made}), flush=True)
"""
STEP = 0.1
"""Seconds of the window's own thread that one step may take, on a slow machine."""


def test_the_large_ones_are_imported_on_another_thread_and_the_rest_in_small_steps():
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    ran = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    threads = told["threads"]
    assert {threads[name] for name in ASIDE} == {"early imports"}
    assert {threads[name] for name in (*LIBRARY, *TRAIN) if name in threads} == {"MainThread"}
    assert "desktop.ui.train_place" in threads
    assert told["worst"][-1] < STEP, told
    assert told["steps"] > len(LIBRARY) + len(TRAIN)
    assert told["made"] == [len(LIBRARY), len(LIBRARY) + 1, len(LIBRARY) + 2]


def test_it_starts_when_the_window_begins(window):
    assert window._early._timer.isActive()


def test_what_cannot_be_imported_is_left_to_the_visit(application, monkeypatch):
    monkeypatch.setattr(early_imports, "ASIDE", ("no_such_module_at_all",))
    monkeypatch.setattr(early_imports, "FIRST", 1)
    monkeypatch.setattr(early_imports, "BETWEEN", 0)
    early = EarlyImports(application, lambda: False)
    early.start()
    until(lambda: not early._timer.isActive())
    early.deleteLater()


def test_every_module_is_there():
    from importlib.util import find_spec

    assert [name for name in (*LIBRARY, *TRAIN, *ASIDE) if find_spec(name) is None] == []
