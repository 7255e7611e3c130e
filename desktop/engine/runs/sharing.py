"""A run seen by the shell's governor: it takes its part of the cores and rests, as an engine in the background does.

Nobody holds a pipe to the run, so its share is written into its folder, again and again while the shell lives.
"""

from __future__ import annotations

import threading

from desktop.engine.governor import Governor

from .control import STALE, read_rest, wish_share
from .folder import RunFolder
from .lock import holder

_LOOK = 0.1
"""Seconds between two looks at whether it rests; a rest is a quarter of a second at least."""
_IDLE_LOOK = 1.0
"""Seconds between two looks while nobody else wants the cores."""


class RunSharer:
    """Keeps the governor and one run in touch until `close`, on a thread of its own."""

    def __init__(self, folder: RunFolder, governor: Governor) -> None:
        """The run counts as busy as long as its engine lives."""
        self.background = True
        self._folder = folder
        self._governor = governor
        self._wish = (1, 0.0)
        self._news = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._keep, name=f"share-{folder.id}", daemon=True)
        self._thread.start()

    def share(self, parts: int, rest: float) -> None:
        """The governor's word; passed on by the thread, since a disk may be slow."""
        self._wish = (parts, rest)
        self._news.set()

    def close(self) -> None:
        """Let the run go on with all the cores, unless another shell shares them out."""
        self._closed = True
        self._news.set()
        self._thread.join()

    def _keep(self) -> None:
        self._governor.begin(self)
        waited = STALE
        written = (1, 0.0)
        while not self._closed and holder(self._folder.lock) is not None:
            wish = self._wish
            sharing = wish != (1, 0.0)
            # What asks for nothing need not be repeated: it is what holds when nobody has written.
            if wish != written or (sharing and waited >= STALE / 3):
                self._write(wish)
                written, waited = wish, 0.0
            if sharing:
                self._governor.rests(self, read_rest(self._folder))
            pause = _LOOK if sharing else _IDLE_LOOK
            self._news.wait(pause)
            self._news.clear()
            waited += pause
        self._governor.end(self)
        if written != (1, 0.0):
            self._write((1, 0.0))

    def _write(self, wish: tuple[int, float]) -> None:
        try:
            wish_share(self._folder, *wish)
        except OSError:
            pass  # the run uses all the cores, which is what it does where no shell lives
