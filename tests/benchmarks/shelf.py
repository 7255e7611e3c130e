"""A process with the window on the library's place and a 4 ms timer: `python -m tests.benchmarks.shelf FOLDER COUNT`.

COUNT is how many things the library has. Prints, as JSON, the seconds from the visit until they are listed, the gaps
between the timer's ticks from then on and while the list is looked through, and the bytes of the process at the end.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import perf_counter

import psutil

from desktop.app import make_application
from desktop.library.home import Home
from desktop.library.settings import Settings
from desktop.session.saved import Saved
from desktop.session.session import Session
from desktop.ui.main_window import MainWindow
from tests.benchmarks.stall import Gaps, pause, wait_for

WORDS = ("a", "ad", "ada", "adapter-1", "adapter-12", "model-0", "llama", "zzz", "")


def look_through(window: MainWindow) -> None:
    """Type, sort, group, scroll and go down the list."""
    assert window.library is not None
    shown = window.library.place.list
    for text in WORDS:
        shown.look_for(text)
        pause(100)
    for column in (2, 4, 7, 0):
        shown.view.sortByColumn(column, shown.view.horizontalHeader().sortIndicatorOrder())
        pause(100)
    shown._grouped.click()
    pause(200)
    bar = shown.view.verticalScrollBar()
    for step in range(20):
        bar.setValue(bar.maximum() * step // 20)
        pause(30)
    shown._grouped.click()
    pause(200)
    for row in range(30):
        shown.view.selectRow(row)
        pause(30)
    pause(1000)


def main(folder: str, count: int) -> None:
    """One window."""
    application = make_application([])
    session = Session(Home(Path(folder)), Settings())
    window = MainWindow(session, Saved())
    window.show()
    window._icons.start()
    window._early.start()
    pause(5500)  # whoever visits sooner waits for what is not yet made
    gaps = Gaps()
    gaps.start()
    begun = perf_counter()
    window.places.show_place("library")
    assert window.library is not None
    table = window.library.place.list.table
    wait_for(lambda: table.count() == count)
    seconds = perf_counter() - begun
    pause(1000)
    look_through(window)
    gaps.stop()
    size = psutil.Process().memory_info().rss
    window.close()
    session.shut_down()
    print(json.dumps([seconds, gaps.gaps, size]), flush=True)
    del application
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
