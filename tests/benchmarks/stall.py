"""A process with the real window on the starter model and a 4 ms timer: `python -m tests.benchmarks.stall FOLDER WHAT`.

WHAT is load, generate, attach or many. Prints the gaps between the timer's ticks while that goes on, as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication

from desktop.app import begin_collecting, make_application
from desktop.library.home import Home
from desktop.library.settings import Settings
from desktop.session.plans import LoadPlan, State
from desktop.session.saved import Saved
from desktop.session.session import Session
from desktop.starter.install import install_adapter
from desktop.ui.main_window import MainWindow

TICK = 4
PATIENCE = 180.0
CHANGES = 20
"""How often the stack is changed for "attach"."""
MANY = 16
"""Adapters that are attached for "many"."""


class Gaps:
    """The time between two ticks, in milliseconds."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_tick)

    def start(self) -> None:
        """Begin to listen."""
        self._last = perf_counter()
        self._timer.start(TICK)

    def stop(self) -> None:
        """A gap that is still open counts too."""
        self._on_tick()
        self._timer.stop()

    def _on_tick(self) -> None:
        now = perf_counter()
        self.gaps.append((now - self._last) * 1000)
        self._last = now


def wait_for(true: Callable[[], bool]) -> None:
    """Run the event loop until it holds. Raises TimeoutError."""
    deadline = perf_counter() + PATIENCE
    while not true():
        loop = QEventLoop()
        QTimer.singleShot(20, loop.quit)
        loop.exec()
        if perf_counter() > deadline:
            raise TimeoutError


def pause(milliseconds: int) -> None:
    """Let the window be for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def measure(window: MainWindow, session: Session, plan: LoadPlan, what: str) -> list[float]:
    """The gaps while one thing goes on."""
    gaps = Gaps()
    begin_collecting()
    window.begin(None, None)
    pause(12_000 if what == "load" else 3_000)  # icons imported, engine warmed
    if what != "load":
        session.load(plan)
        wait_for(lambda: session.state is State.READY)
        pause(2_000)
    if what == "many":
        attach_many(window, session)
    gaps.start()
    if what == "load":
        window.base.load_requested.emit(plan)
        wait_for(lambda: session.state is State.READY)
        pause(500)
    elif what == "generate":
        window.details._longest.setValue(150)
        window.place.box.show_text("Tell me a long story about an old sailor and the sea.")
        window.place.box.request_send()
        wait_for(lambda: session.state is State.READY)
    elif what == "many":
        use_many(window)
    else:
        adapter = str(install_adapter(session.home.loras))
        for _ in range(CHANGES):
            window.stack.add(adapter)
            pause(300)
            window.stack._on_removal_requested(window.stack.rows()[-1].id)
            pause(150)
    gaps.stop()
    return gaps.gaps


def attach_many(window: MainWindow, session: Session) -> None:
    """Sixteen adapters, the stack as full as few people have it."""
    first = install_adapter(session.home.loras)
    for number in range(MANY):
        one = session.home.loras / f"pirate-{number:02}"
        if not one.exists():
            shutil.copytree(first, one)
        window.stack.add(str(one))
    wait_for(lambda: len(window.stack.report().receipts) == MANY)
    pause(1_000)


def use_many(window: MainWindow) -> None:
    """Every row is ticked off and on and its weight moved; then the library's thousand are looked through."""
    for row in window.stack._list.rows():
        row.take_focus()
        for weight in (0.25, 0.5, 0.75):
            row._box.setValue(weight)
            pause(40)
        for _ in range(2):
            row._tick.click()
            pause(40)
    chooser = window.dialogs.chooser
    chooser.ask()
    pause(1_000)
    chooser._fitting.click()
    for text in ("a", "ad", "adapter-1", "adapter-12", "", "zzz", ""):
        chooser._filter.setText(text)
        pause(100)
    view = chooser._view.verticalScrollBar()
    for step in range(20):
        view.setValue(view.maximum() * step // 20)
        pause(30)
    pause(2_000)
    chooser.close()


def main(folder: str, what: str) -> None:
    """One window, one thing."""
    gc.disable()  # as the command does, until the window shows
    application = make_application([])
    home = Home(Path(folder))
    session = Session(home, Settings())
    window = MainWindow(session, Saved())
    window.show()
    plan = LoadPlan(name="starter", path=str(home.models / "starter"))
    gaps = measure(window, session, plan, what)
    window.close()
    session.shut_down()
    print(json.dumps(gaps), flush=True)
    del application
    os._exit(0)


if __name__ == "__main__":
    assert QApplication.instance() is None
    main(*sys.argv[1:])
