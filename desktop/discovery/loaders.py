"""Every loader there is, what it can do, and which of them opens a model: what the command line and the window use."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from desktop.api import Verdict
from desktop.engine.messages import LoaderRef
from desktop.engine.process import Launch
from desktop.library.home import Home
from desktop.library.settings import Settings

from .cache import Cache
from .choice import Choice, failed_choice, ordered, unknown_loader
from .describer import Describer, Found, StartError
from .fingerprint import state_of
from .interpreters import launch_for

if TYPE_CHECKING:
    from .entry_points import Registered

CACHE_FILE = "loaders.json"


class Loaders:
    """The registered loaders. Its verbs wait for describer processes; call them from any thread but the GUI's.

    `found`, `find` and `probe` never raise for what a plugin does. They raise JobCancelled where another thread
    closes this object meanwhile.
    """

    def __init__(self, home: Home, settings: Settings, refresh: bool = False, deadline: float | None = None) -> None:
        """Nothing is read or started yet. `refresh` asks every plugin anew; `deadline` is in seconds a plugin."""
        self._home = home
        self._settings = settings
        self._deadline = deadline
        self._cache = Cache(home.cache / CACHE_FILE, refresh=refresh)
        self._known: dict[LoaderRef, Found] = {}
        self._describers: dict[str, Describer] = {}
        self._lock = threading.RLock()
        self._closed = False

    @property
    def refs(self) -> tuple[LoaderRef, ...]:
        """The registered loaders in the order of their names; the first look reads the metadata of all packages."""
        return self._registered.loaders

    @property
    def notes(self) -> tuple[str, ...]:
        """Names claimed twice and metadata that can't be read, one sentence each."""
        return self._registered.notes

    def found(self) -> list[Found]:
        """Every registered loader by name, with what it says of itself or why it failed."""
        with self._lock:
            found = [self._describe(ref) for ref in self.refs]
            self._cache.save()
            return found

    def find(self, name: str) -> Found:
        """One loader by its name, described; one that is not registered has an error that says which there are."""
        ref = next((ref for ref in self.refs if ref.name == name), None)
        if ref is None:
            return unknown_loader(name, [ref.name for ref in self.refs])
        with self._lock:
            found = self._describe(ref)
            self._cache.save()
            return found

    def probe(self, path: Path, wanted: str | None = None) -> list[Choice]:
        """The loaders' verdicts about a model, best first (see choice.py); with `wanted` that loader's alone."""
        found = [self.find(wanted)] if wanted else self.found()
        choices = [self._verdict(loader, path.absolute()) for loader in found]
        return ordered(choices, wanted, self._settings.loader)

    def launch(self, ref: LoaderRef) -> Launch:
        """How an engine for this loader is started."""
        return launch_for(ref, self._settings)

    def close(self) -> None:
        """End the describer processes. May be called from any thread, at any time, more than once."""
        self._closed = True
        for describer in list(self._describers.values()):
            describer.close()

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @cached_property
    def _registered(self) -> Registered:
        # Here and not above: what reads metadata takes its time to import, and the window's start doesn't wait for it.
        from .entry_points import registered_loaders

        return registered_loaders()

    @cached_property
    def _launches(self) -> dict[LoaderRef, Launch]:
        return {ref: self.launch(ref) for ref in self.refs}

    def _describe(self, ref: LoaderRef) -> Found:
        if ref in self._known:
            return self._known[ref]
        launch = self._launches[ref]
        # The state is read before the plugin is asked: what is installed meanwhile makes the answer stale.
        state = state_of(launch)
        found = self._cache.get(ref, launch.python, state)
        if found is None:
            try:
                found = self._describer(launch.python).describe(ref)
                self._cache.put(found, state)
            except StartError as failure:
                found = Found(ref, None, f"{failure} {self._way_out(ref)}", interpreter=launch.python)
        self._known[ref] = found
        return found

    def _verdict(self, found: Found, path: Path) -> Choice:
        if found.info is None:
            return failed_choice(found)
        with self._lock:
            verdict: Verdict = self._describer(found.interpreter).probe(found.ref, path)
        return Choice(found, verdict)

    def _describer(self, python: str) -> Describer:
        """The describer of an interpreter; it is lent what any of the loaders that run there needs."""
        if python not in self._describers:
            here = [launch.packages for launch in self._launches.values() if launch.python == python]
            packages = {name: place for lent in here for name, place in lent.items()}
            self._describers[python] = Describer(Launch(python, packages), self._home.logs, self._deadline)
            if self._closed:
                self._describers[python].close()
        return self._describers[python]

    def _way_out(self, ref: LoaderRef) -> str:
        """What to do when the interpreter of a loader can't be started."""
        if ref.name not in self._settings.interpreters:
            return f"Check that {self._home.logs} can be written to; if it can, install LoRA Deck again."
        return (
            f"`lora-deck loaders setup {ref.name}` makes a new one; with --own added, "
            "the loader runs in the program's own again."
        )
