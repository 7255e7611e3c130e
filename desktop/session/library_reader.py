"""Reads the library and asks the loaders, on a thread of its own: disks and plugins may be slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from desktop.discovery.devices import look_at_devices
from desktop.discovery.loaders import Loaders
from desktop.engine.jobs import JobCancelled
from desktop.library.adapters import list_adapters
from desktop.library.fit import FitJudge
from desktop.library.home import Home
from desktop.library.identity import HashStopped
from desktop.library.inspection import inspect_adapter
from desktop.library.memory import read_memory_facts
from desktop.library.models import list_models
from desktop.library.settings import Settings
from desktop.library.watched import folders_to_watch

from .lane import Lane

PORTION = 16
"""Adapters that are judged at a time; other work on the thread comes between."""
REST = 0.002
"""Seconds between two of many verdicts: without them the GUI thread would wait for Python again and again."""


class LibraryReader(QObject):
    """The verbs return at once; the signals come from the reader's thread."""

    #: The models of the library: a list of ModelEntry.
    models_listed = Signal(list)
    #: The adapters of the library: a list of AdapterEntry.
    adapters_listed = Signal(list)
    #: The folders in which a change has to be noticed from now on: when each was changed last, by its path.
    folders_listed = Signal(object)
    #: Everything about an adapter: its path, the Inspection.
    adapter_inspected = Signal(str, object)
    #: Every loader: a list of Found, and notes about the plugins.
    loaders_described = Signal(list, list)
    #: The loaders' verdicts about the model at a path, best first: the path, a list of Choice.
    verdicts_found = Signal(str, list)
    #: What a model's context costs: the path, MemoryFacts.
    memory_judged = Signal(str, object)
    #: Whether an adapter fits a model: the adapter's path, the model's, the Fit.
    fit_judged = Signal(str, str, object)
    #: Whether some of many adapters fit a model: the model's path, a dict of Fit by the adapter's path.
    fits_judged = Signal(str, object)
    #: What torch sees and what the machine has: a list of DeviceLine.
    devices_found = Signal(list)

    def __init__(self, home: Home, settings: Settings, loaders: Loaders, parent: QObject | None = None) -> None:
        """Nothing is read yet."""
        super().__init__(parent)
        self._home = home
        self._settings = settings
        self._loaders = loaders
        self._fits = FitJudge()
        self._wanted_fits: Sequence[str] = ()
        self._lane = Lane("library", self)
        self._slow = Lane("loaders", self)
        self.lanes = (self._lane, self._slow)
        self._ending = threading.Event()

    def list_all(self) -> None:
        """Read the folders of the library anew."""
        self._lane.submit(self._list_all)

    def describe_loaders(self) -> None:
        """Ask every plugin what it is; answers are remembered on the disk."""
        self._slow.submit(self._describe)

    def probe(self, path: str) -> None:
        """Ask every loader about a model, and read what its context costs."""
        self._slow.submit(lambda: self._probe(path))

    def inspect_adapter(self, path: str) -> None:
        """Look into an adapter; its whole weights file is read for the hash."""
        self._lane.submit(lambda: self._inspect(path))

    def judge_fit(self, adapter: str, model: str) -> None:
        """Compare an adapter's shapes with a model's."""
        self._lane.submit(lambda: self.fit_judged.emit(adapter, model, self._fits.judge(Path(adapter), Path(model))))

    def judge_fits(self, adapters: Sequence[str], model: str) -> None:
        """Compare many adapters with a model, in the place of those that were asked for before."""
        self._wanted_fits = adapters
        self._lane.submit(lambda: self._judge_portion(adapters, 0, model))

    def look_at_devices(self) -> None:
        """Compare what torch sees with what the machine has; takes seconds, because torch is imported for it."""
        self._slow.submit(lambda: self.devices_found.emit(look_at_devices(self._loaders)))

    def shut_down(self) -> None:
        """End the threads; waits for them."""
        self._ending.set()
        self._loaders.close()
        for lane in self.lanes:
            lane.shut_down()

    def _list_all(self) -> None:
        # Taken before they are read: what comes while they are read is a change too.
        roots = folders_to_watch((), self._home, self._settings)
        models = list_models(self._home, self._settings)
        self.models_listed.emit(models)
        adapters = list_adapters(self._home, self._settings)
        self.adapters_listed.emit(adapters)
        paths = [*(entry.path for entry in models), *(entry.path for entry in adapters)]
        self.folders_listed.emit(folders_to_watch(paths, self._home, self._settings) | roots)

    def _judge_portion(self, adapters: Sequence[str], begin: int, model: str) -> None:
        fits = {}
        for adapter in adapters[begin : begin + PORTION]:
            if self._ending.is_set() or adapters is not self._wanted_fits:
                return
            fits[adapter] = self._fits.judge(Path(adapter), Path(model))
            time.sleep(REST)
        self.fits_judged.emit(model, fits)
        if begin + PORTION < len(adapters):
            self._lane.submit(lambda: self._judge_portion(adapters, begin + PORTION, model))

    def _describe(self) -> None:
        if self._ending.is_set():
            return
        try:
            self.loaders_described.emit(self._loaders.found(), list(self._loaders.notes))
        except JobCancelled:
            pass  # the program is ending

    def _probe(self, path: str) -> None:
        if self._ending.is_set():
            return
        self.memory_judged.emit(path, read_memory_facts(Path(path)))
        try:
            self.verdicts_found.emit(path, self._loaders.probe(Path(path)))
        except JobCancelled:
            pass  # the program is ending

    def _inspect(self, path: str) -> None:
        try:
            self.adapter_inspected.emit(path, inspect_adapter(Path(path), ending=self._ending))
        except HashStopped:
            pass  # the program is ending
