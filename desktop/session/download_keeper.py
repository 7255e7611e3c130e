"""Drives the list of downloads off the GUI thread, and finds the base of an adapter that has come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from desktop.library.home import Home
from desktop.library.settings import Settings

from .lane import Lane

if TYPE_CHECKING:
    from desktop.library.hub.queue import DownloadQueue, Entry
    from desktop.library.hub.record import Wish


class DownloadKeeper(QObject):
    """The verbs return at once; the signals come from the keeper's thread and from those of the downloads."""

    #: A download is new or has changed: Entry.
    entry_changed = Signal(object)
    #: A download is off the list: its id.
    entry_gone = Signal(int)
    #: All of a download is in the library: Entry.
    completed = Signal(object)
    #: The base an adapter that has come was made for: the adapter's name, Base.
    base_found = Signal(str, object)
    #: Something can't be done: a sentence.
    refused = Signal(str)

    def __init__(self, home: Home, settings: Settings, parent: QObject | None = None) -> None:
        """Nothing is read, and nothing runs."""
        super().__init__(parent)
        self._home, self._settings = home, settings
        self._queue: DownloadQueue | None = None
        self._known: dict[int, str] = {}
        self._lane = Lane("downloads", self)
        self.lanes = (self._lane,)

    def begin(self) -> None:
        """Read the list that was left, and fetch what waits."""
        self._lane.submit(self._begin)

    @Slot()
    def tell_all(self) -> None:
        """Tell of every download, for a list that is new."""
        self._lane.submit(self._tell_all)

    @Slot(str)
    def add(self, text: str) -> None:
        """Put a name or an address at the end of the list."""
        self._lane.submit(lambda: self._add(text))

    @Slot(str)
    def look_again(self, path: str) -> None:
        """Ask the hub whether it has a newer version of what lies at a path; it is fetched only when that is wanted."""
        self._lane.submit(lambda: self._look_again(path))

    @Slot(int)
    def pause(self, number: int) -> None:
        """Stop it; what has come is kept."""
        self._submit(lambda queue: queue.pause(number))

    @Slot(int)
    def resume(self, number: int) -> None:
        """Go on with a paused one, or try a failed one again."""
        self._submit(lambda queue: queue.resume(number))

    @Slot(int)
    def cancel(self, number: int) -> None:
        """Take it off the list; what has come of one that is not complete is thrown away."""
        self._submit(lambda queue: queue.cancel(number))

    def shut_down(self) -> None:
        """Stop the downloads, which go on next time, and end the thread; waits for both."""
        self._submit(lambda queue: queue.close())
        self._lane.shut_down()

    def _submit(self, work: Callable[[DownloadQueue], None]) -> None:
        self._lane.submit(lambda: self._try(work))

    def _try(self, work: Callable[[DownloadQueue], None]) -> None:
        if self._queue is None:
            return
        try:
            work(self._queue)
        except OSError as error:
            self._tell_trouble(error)

    def _begin(self) -> None:
        if self._queue is not None:
            return
        try:
            # Nobody who never downloads has to wait for it.
            from desktop.library.hub.queue import DownloadQueue

            queue = DownloadQueue(self._home, self._on_change)
            self._known = {entry.id: entry.state for entry in queue.entries}
            self._queue = queue
            self._tell_all()
            queue.begin()
        except OSError as error:
            self._tell_trouble(error)

    def _tell_all(self) -> None:
        for entry in self._queue.entries if self._queue is not None else ():
            self.entry_changed.emit(entry)

    def _look_again(self, path: str) -> None:
        from desktop.library.hub.record import read_record

        place = Path(path)
        folder = place if place.is_dir() else place.parent
        record = read_record(folder)
        if record is None:
            words = self.tr("{name} was not downloaded by this program, so nobody knows where it came from.")
            self.refused.emit(words.format(name=place.name))
            return
        self._add(f"{record.repo}:{record.revision}", record.wish, str(folder))

    def _add(self, text: str, wish: Wish | None = None, output: str = "") -> None:
        from desktop.library.hub.problems import HubError

        self._begin()
        if self._queue is None:
            return
        try:
            self._queue.add(text, wish, output)
        except HubError as error:
            self.refused.emit(str(error))
        except OSError as error:
            self._tell_trouble(error)

    def _tell_trouble(self, error: OSError) -> None:
        words = self.tr("The list of downloads can't be kept ({reason}: {file}). Free some space or mend the folder.")
        self.refused.emit(words.format(reason=error.strerror, file=error.filename or self._home.downloads))

    def _on_change(self, change: Entry | int) -> None:
        """On any thread, while the queue holds its lock: nothing here may wait."""
        if isinstance(change, int):
            self._known.pop(change, None)
            self.entry_gone.emit(change)
            return
        before, self._known[change.id] = self._known.get(change.id), change.state
        self.entry_changed.emit(change)
        if change.state == "done" and before != "done":
            self.completed.emit(change)
            if change.kind == "adapter":
                self._lane.submit(lambda: self._find_base(change))

    def _find_base(self, entry: Entry) -> None:
        from desktop.library.adapter_weights import BrokenAdapter
        from desktop.library.adapters import read_config
        from desktop.library.hub.bases import find_base

        try:
            named = read_config(Path(entry.folder)).get("base_model_name_or_path")
        except (BrokenAdapter, OSError):
            return  # the library lists it with what is wrong
        if isinstance(named, str) and named:
            self.base_found.emit(entry.repo, find_base(named, self._home, self._settings))
