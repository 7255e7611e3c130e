"""The window outlives any number of signals."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
from PySide6.QtCore import QObject, Signal
from desktop.app import make_application
class Source(QObject):
    told = Signal(object)
application = make_application([])
source = Source()
for number in range(50_000):
    source.told.emit(number)
    source.setObjectName("source")
print("alive")
"""


def test_fifty_thousand_signals_are_survived():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.stdout == "alive\n", done.stderr
