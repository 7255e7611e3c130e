"""Lists the things of the library together, and keeps their tags, favourites and last uses."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from desktop.library.adapter_notes import adapter_key
from desktop.library.adapters import AdapterEntry
from desktop.library.home import Home
from desktop.library.models import ModelEntry

from .plans import Loaded, StackReport
from .shelf_lane import ShelfLane

CARD = 24_000
"""Characters of a card that are shown: more would hold the window up while it is laid out."""
FRESH = 60.0
"""Seconds in which something that is used again is not written down again."""


class ShelfKeeper(ShelfLane):
    """The verbs return at once; the signals come from the keeper's thread.

    What only the library's place needs is imported on that thread: the window starts without it.
    """

    #: The library as one list: a list of Item.
    items_listed = Signal(list)
    #: Tags, favourites and last uses: Mark by key.
    marks_known = Signal(object)
    #: The text of the card of what lies at a path; empty without one.
    card_read = Signal(str, str)

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        """Nothing is read yet."""
        super().__init__(home.root, "shelf", parent)
        self._home = home
        self._models: Sequence[ModelEntry] = ()
        self._wanted = False
        self._written: dict[str, float] = {}

    @Slot(list)
    def take_models(self, entries: list[ModelEntry]) -> None:
        """The models of the library were listed; the adapters follow."""
        self._models = entries

    @Slot(list)
    def take_adapters(self, entries: list[AdapterEntry]) -> None:
        """The adapters of the library were listed too."""
        if self._wanted:
            models = self._models
            self._submit(lambda: self._list(models, entries))

    def open_shelf(self) -> None:
        """Tell what is kept, and from now on every listing of the library as items."""
        self._wanted = True
        self._submit(self._tell_marks)

    @Slot(object)
    def know_loaded(self, loaded: Loaded) -> None:
        """A model was loaded, and is used from now on."""
        self._note_use([loaded.plan.path])

    @Slot(object)
    def know_report(self, report: StackReport) -> None:
        """These adapters are attached, and so used."""
        self._note_use([row.path for row in report.rows])

    @Slot(str, object)
    def keep_tags(self, path: str, tags: Sequence[str]) -> None:
        """Keep these tags."""
        self._submit(lambda: self._keep_tags(path, tags))

    @Slot(str, bool)
    def keep_favourite(self, path: str, favourite: bool) -> None:
        """Keep whether it is a favourite."""
        self._submit(lambda: self._keep_favourite(path, favourite))

    @Slot(str)
    def read_card(self, path: str) -> None:
        """Read the text of its card."""
        self._submit(lambda: self._read_card(path))

    def _list(self, models: Sequence[ModelEntry], adapters: Sequence[AdapterEntry]) -> None:
        from desktop.library.shelf.items import make_items

        self.items_listed.emit(make_items(models, adapters, self._home))

    def _note_use(self, paths: Sequence[str]) -> None:
        now = time.time()
        fresh = [path for path in paths if now - self._written.get(path, 0.0) > FRESH]
        if fresh:
            self._written.update(dict.fromkeys(fresh, now))
            self._submit(lambda: self._keep_used(fresh, now))

    def _keep_used(self, paths: Sequence[str], now: float) -> None:
        from desktop.library.shelf.marks import set_used

        self._tell(*set_used(self._root, [adapter_key(path) for path in paths], now))

    def _keep_tags(self, path: str, tags: Sequence[str]) -> None:
        from desktop.library.shelf.marks import set_tags

        self._tell(*set_tags(self._root, adapter_key(path), tags))

    def _keep_favourite(self, path: str, favourite: bool) -> None:
        from desktop.library.shelf.marks import set_favourite

        self._tell(*set_favourite(self._root, adapter_key(path), favourite))

    def _tell_marks(self) -> None:
        from desktop.library.shelf.marks import read_marks

        self._tell(*read_marks(self._root))

    def _tell(self, marks: object, notice: str) -> None:
        if notice:
            self.refused.emit(notice)
        self.marks_known.emit(marks)

    def _read_card(self, path: str) -> None:
        from desktop.library.model_card import read_card_text

        folder = Path(path)
        self.card_read.emit(path, read_card_text(folder if folder.is_dir() else folder.parent, CARD))
