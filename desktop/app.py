"""Builds the window's chain: home, session, window. The only place that knows all of them."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType

from PySide6.QtCore import QEvent, QMessageLogContext, QObject, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QWidget

from desktop.api import Lora
from desktop.library.home import Home
from desktop.library.settings import Settings
from desktop.session.plans import LoadPlan
from desktop.session.saved import read_saved
from desktop.session.session import Session
from desktop.ui.main_window import MainWindow

UNSEEN = 1000
"""Milliseconds after which a window that nobody has seen begins its work all the same."""

SWITCH = 0.0005
"""Seconds a thread may keep Python's lock while another wants it."""

TURN = 200
"""Milliseconds between two chances for Python to see a Ctrl-C while Qt has the thread."""


def run_window(home: Home, settings: Settings, plan: LoadPlan | None, rows: tuple[Lora, ...] | None) -> int:
    """Show the window until it is closed; returns the exit status.

    `plan` and `rows` come from the command line; None means what was there last time.
    """
    application = make_application(sys.argv[:1])
    saved, notice = read_saved(home.root)
    session = Session(home, settings)
    window = MainWindow(session, saved)
    if plan is None and saved.was_loaded:
        plan = saved.plan

    def begin() -> None:
        begin_collecting()
        window.begin(plan, rows, notice)

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """A bug in a slot: PySide would only print it."""
        sys.__excepthook__(kind, error, trace)
        session.work_failed.emit(f"{kind.__name__}: {error}", "".join(traceback.format_exception(error)))

    sys.excepthook = tell
    # Only then: processes and threads that start before the first painting take its time.
    when_painted(window, begin)
    window.show()
    signal.signal(signal.SIGINT, lambda *_: window.close())
    turn = QTimer()
    turn.timeout.connect(turn.interval)
    turn.start(TURN)
    try:
        return application.exec()
    finally:
        sys.excepthook = sys.__excepthook__
        session.shut_down()


def begin_collecting() -> None:
    """Have Python look for garbage from now on, but not in what is there.

    Modules and widgets live as long as the window; without them a collection is too short to be felt.
    """
    gc.freeze()
    gc.enable()


def when_painted(window: QWidget, begin: Callable[[], None]) -> None:
    """Call this once, after the window was painted for the first time, or soon where nobody sees it (minimised)."""
    watch = _FirstPainting(window)
    watch.timer.timeout.connect(begin)
    watch.timer.start(UNSEEN)
    window.installEventFilter(watch)


class _FirstPainting(QObject):
    """Lets its timer run out as soon as what it watches was painted."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.timer = QTimer(self, singleShot=True)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """A filter sees an event before it is acted on: what is due after it waits for the next turn."""
        if event.type() is QEvent.Type.Paint:
            watched.removeEventFilter(self)
            if self.timer.isActive():
                self.timer.start(0)
        return False


def make_application(arguments: Sequence[str]) -> QApplication:
    """The one QApplication, with the names the desktop knows it by."""
    # A thread that reads the library keeps Python's lock for 5 ms at a time, and so long the window would stand still.
    sys.setswitchinterval(SWITCH)
    # Qt aborts where it can't reach the display or lacks a library of the platform's; people get a sentence instead.
    before = qInstallMessageHandler(_on_qt_message)
    application = QApplication(list(arguments))
    qInstallMessageHandler(before)
    application.setApplicationName("LoRA Deck")
    application.setDesktopFileName("lora-deck")
    return application


def _on_qt_message(kind: QtMsgType, _: QMessageLogContext, text: str) -> None:
    sys.stderr.write(f"{text.strip()}\n")
    if kind is QtMsgType.QtFatalMsg:
        sys.stderr.write("lora-deck: No window can open here. `lora-deck generate` answers prompts without a window.\n")
        sys.stderr.flush()
        os._exit(1)
