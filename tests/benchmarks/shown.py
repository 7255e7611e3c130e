"""A process that opens a window and says so once it is painted: `python -m tests.benchmarks.shown window|empty`."""

from __future__ import annotations

import os
import sys
from typing import Any


def main(which: str) -> None:
    """Ends as soon as it has said it."""
    if which == "empty":
        from PySide6.QtWidgets import QApplication, QMainWindow

        application = QApplication([])
        watch = _watch()
        application.installEventFilter(watch)
        window = QMainWindow()
        window.resize(1280, 800)
        window.show()
        application.exec()
        return
    import desktop.app
    from desktop.cli.main import main as run

    make = desktop.app.make_application

    def make_watched(arguments: Any) -> Any:
        application = make(arguments)
        watch = _watch()
        watch.setParent(application)
        application.installEventFilter(watch)
        return application

    desktop.app.make_application = make_watched
    run([])


def _watch() -> Any:
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QMainWindow

    class Watch(QObject):
        """Sees the first painting of the main window."""

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
            if event.type() is QEvent.Type.Paint and isinstance(watched, QMainWindow):
                print("shown", flush=True)
                os._exit(0)
            return False

    return Watch()


if __name__ == "__main__":
    main(sys.argv[1])
