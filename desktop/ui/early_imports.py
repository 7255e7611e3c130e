"""Makes places ready before they are visited: their modules, then widgets, a little at a time while nothing happens."""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from time import perf_counter
from types import ModuleType

from PySide6.QtCore import QObject, QTimer

SHELF = "desktop.library.shelf"
LIBRARY = (
    "desktop.library.hub.problems", "desktop.library.hub.repo_paths", "desktop.library.hub.record",
    "desktop.library.hub.events", "desktop.library.hub.source", "desktop.library.hub.bases",
    "desktop.library.hub.worker", "desktop.library.hub.queue", f"{SHELF}.items", f"{SHELF}.marks", f"{SHELF}.units",
    f"{SHELF}.trash", f"{SHELF}.duplicates", "desktop.ui.library_rows", "desktop.ui.library_table",
    "desktop.ui.library_cells", "desktop.ui.library_view", "desktop.ui.library_list", "desktop.ui.hub_table",
    "desktop.ui.hub_panel", "desktop.ui.downloads_table", "desktop.ui.downloads_panel", "desktop.ui.library_details",
    "desktop.ui.library_parts",
    "desktop.ui.library_desk",
)  # fmt: skip
"""Those others need come first, so that each takes a few milliseconds."""
ASIDE = ("numpy", "pyqtgraph")
"""Too large for the window's thread. They make classes, but neither widgets nor anything else that has a thread."""
QT = ("PySide6.QtCore", "PySide6.QtGui", "PySide6.QtWidgets")
"""pyqtgraph takes every name out of these, and each class is made when its name is first taken."""
TRAIN = tuple(
    f"desktop.ui.train_{name}"
    for name in (
        "colours", "curves", "plot", "histogram", "tokens", "columns", "data_form", "base_form", "settings_form",
        "form", "data_page", "run_page", "samples", "runs_page", "evaluation_page", "preview", "measuring", "place",
    )
)  # fmt: skip
FIRST, BETWEEN = 2000, 40
"""Milliseconds before the first import, and between two of them."""
SLICE = 0.004
"""Seconds for names of Qt at a time."""


class EarlyImports(QObject):
    """Ends with the window; what was not imported by then is not needed any more."""

    def __init__(self, parent: QObject, then: Callable[[], bool]) -> None:
        """Nothing is imported before `start`. `then` makes one widget of the Library, and tells whether it did."""
        super().__init__(parent)
        self._steps = _steps(then)
        self._timer = QTimer(self, interval=FIRST)
        self._timer.timeout.connect(self._on_time_out)

    def start(self) -> None:
        """Call it when the window has been shown."""
        self._timer.start()

    def _on_time_out(self) -> None:
        self._timer.setInterval(BETWEEN)
        if next(self._steps, END) is END:
            self._timer.stop()


END = object()


def _steps(then: Callable[[], bool]) -> Iterator[None]:
    """Everything, a few milliseconds at a time; a yield is where the window has its turn."""
    for module in LIBRARY:
        importlib.import_module(module)
        yield
    while then():
        yield
    for module in QT:
        yield from _take_names(importlib.import_module(module))
    aside = threading.Thread(target=_import_aside, name="early imports")
    aside.start()
    while aside.is_alive():
        yield
    if all(module in sys.modules for module in ASIDE):
        for module in TRAIN:
            importlib.import_module(module)
            yield
    # What has come is never garbage. Looking through numpy's and pyqtgraph's would hold the window up for a tenth of a
    # second, each time Python looks for some.
    gc.freeze()


def _take_names(module: ModuleType) -> Iterator[None]:
    begun = perf_counter()
    for name in dir(module):
        getattr(module, name)
        if perf_counter() - begun > SLICE:
            yield
            begun = perf_counter()


def _import_aside() -> None:
    try:
        for module in ASIDE:
            importlib.import_module(module)
    except ImportError:
        pass  # this only saves time; whoever visits the place meets the same failure and is told
