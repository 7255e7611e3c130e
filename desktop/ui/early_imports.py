"""Makes a place ready before it is visited: its modules, then its widgets, one at a time while nothing happens."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence

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
FIRST, BETWEEN = 2000, 60
"""Milliseconds before the first import, and between two of them."""


class EarlyImports(QObject):
    """Ends with the window; what was not imported by then is not needed any more."""

    def __init__(self, parent: QObject, then: Callable[[], bool], modules: Sequence[str] = LIBRARY) -> None:
        """Nothing is imported before `start`. `then` makes one thing with what is there, and tells whether it did."""
        super().__init__(parent)
        self._then = then
        self._left = list(reversed(modules))
        self._timer = QTimer(self, interval=FIRST)
        self._timer.timeout.connect(self._on_time_out)

    def start(self) -> None:
        """Call it when the window has been shown."""
        self._timer.start()

    def _on_time_out(self) -> None:
        self._timer.setInterval(BETWEEN)
        if self._left:
            importlib.import_module(self._left.pop())
        elif not self._then():
            self._timer.stop()
