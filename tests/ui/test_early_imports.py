"""What a place needs is imported and made while nothing happens, in turns, and comes to an end."""

from __future__ import annotations

import importlib

from PySide6.QtCore import QObject

from desktop.ui import early_imports
from desktop.ui.early_imports import LIBRARY, EarlyImports
from tests.ui.hands import until


def test_one_at_a_time_and_then_it_ends(application, monkeypatch):
    done, things = [], [True, True, False]
    monkeypatch.setattr(importlib, "import_module", done.append)
    monkeypatch.setattr(early_imports, "FIRST", 1)
    monkeypatch.setattr(early_imports, "BETWEEN", 1)
    parent = QObject()
    early = EarlyImports(parent, lambda: things and (done.append("made"), things.pop(0))[1], ("a", "b"))
    assert done == []
    early.start()
    until(lambda: not early._timer.isActive())
    assert done == ["a", "b", "made", "made", "made"]


def test_every_name_in_it_is_a_module():
    assert [name for name in LIBRARY if importlib.util.find_spec(name) is None] == []


def test_the_window_begins_it(window):
    assert window._early._timer.isActive()
