"""Asks the hub what it has, in a child that is ended as soon as something else is asked."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from .lane import Lane
from .plans import Loaded

if TYPE_CHECKING:
    from desktop.library.hub.worker import Worker

LIMIT = 50
"""Repositories that are asked for."""


class HubSearcher(QObject):
    """The verbs return at once; the signals come from the searcher's thread."""

    #: What was found: a tuple of Hit, the most downloaded first.
    hits_found = Signal(object)
    #: The search goes on, or why it waits: a sentence.
    told = Signal(str)
    #: It could not be asked: a sentence.
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        """Nothing is asked."""
        super().__init__(parent)
        self._loaded: Loaded | None = None
        self._lock = threading.Lock()
        self._number = 0
        self._worker: Worker | None = None
        self._lane = Lane("hub", self)
        self.lanes = (self._lane,)

    @Slot(object)
    def know_loaded(self, loaded: Loaded) -> None:
        """A model was loaded: what fits is what fits it."""
        self._loaded = loaded

    @Slot()
    def forget_loaded(self) -> None:
        """No model is loaded any more."""
        self._loaded = None

    @Slot(str, str, bool)
    def search(self, words: str, kind: str, fitting: bool) -> None:
        """Ask for repositories with these words, of a kind ("model", "adapter" or ""), in the place of what was asked.

        `fitting`: only adapters of the loaded base, each held against its shapes.
        """
        number = self._next()
        model = self._loaded.info.path if fitting and self._loaded is not None else ""
        self._lane.submit(lambda: self._search(number, words, kind, model))

    @Slot()
    def stop(self) -> None:
        """Nobody waits for an answer any more."""
        self._next()

    def shut_down(self) -> None:
        """End the child and the thread; waits for them."""
        self._next()
        self._lane.shut_down()

    def _next(self) -> int:
        with self._lock:
            self._number += 1
            if self._worker is not None:
                self._worker.stop()
            return self._number

    def _search(self, number: int, words: str, kind: str, model: str) -> None:
        # Nobody who never searches has to wait for it.
        from desktop.library.hub.bases import names_of_model
        from desktop.library.hub.events import Failed, Results, Search, Waiting
        from desktop.library.hub.worker import Worker

        asked = Search(words=words, kind=kind, limit=LIMIT)
        if model:
            asked = Search(words=words, kind="adapter", bases=names_of_model(Path(model)), model=model, limit=LIMIT)
        with self._lock:
            if number != self._number:
                return
            try:
                worker = self._worker = Worker(asked)
            except OSError as error:
                self.failed.emit(self.tr("No process can be started ({reason}).").format(reason=error.strerror))
                return
        try:
            for event in worker.events():
                if number != self._number:
                    return
                if isinstance(event, Results):
                    self.hits_found.emit(event.hits)
                elif isinstance(event, Failed):
                    self.failed.emit(event.message)
                elif isinstance(event, Waiting):
                    words = self.tr("{reason} Trying again in {seconds:.0f} s.")
                    self.told.emit(words.format(reason=event.reason, seconds=event.seconds))
        finally:
            with self._lock:
                self._worker = None
