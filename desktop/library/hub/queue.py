"""The downloads the user has asked for, in order: kept on the disk, so that they come back after a restart.

Knows nothing of a window. Every public method may be called on any thread and returns at once, but for `close`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from desktop.library.atomic import set_aside, write_atomically
from desktop.library.home import Home

from .events import Failed, FileSize, Finished, Found, Progressed, Task, Told, Waiting
from .problems import HubError
from .record import Wish
from .source import Source, parse_source
from .worker import Worker

State = Literal["waiting", "running", "paused", "failed", "done"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One download as it stands."""

    id: int
    repo: str
    revision: str = "main"
    wish: Wish = Wish()
    output: str = ""
    state: State = "waiting"
    kind: str = ""
    """"model" or "adapter", once the repository was looked at."""
    folder: str = ""
    """Where it will be, once that is known."""
    done: int = 0
    total: int = 0
    speed: float = 0.0
    """Bytes a second."""
    eta: float | None = None
    """Seconds."""
    files: tuple[FileSize, ...] = ()
    """Those being fetched."""
    problem: str = ""
    """Why it failed, or what it waits for."""
    outdated: bool = False
    """Whether it failed only because an older version is there; to resume it is to update that."""
    update: bool = False
    """Whether the user has asked for that."""
    change: str = ""
    """What became of the folder, as in `Finished`."""


class DownloadQueue:
    """Runs the waiting ones, each in a child of its own; `on_change` hears of every change, on any thread.

    It is called with the entry, or with the id alone of one that has gone, and must not wait for another thread that
    asks the queue for something.
    """

    def __init__(self, home: Home, on_change: Callable[[Entry | int], None], parallel: int = 1) -> None:
        """Reads what was left last time; nothing runs before `begin`."""
        self._home = home
        self._on_change = on_change
        self._parallel = parallel
        self._lock = threading.RLock()
        self._begun = False
        self._workers: dict[int, Worker] = {}
        self._threads: list[threading.Thread] = []
        self._doomed: dict[int, Entry] = {}
        self._entries = {entry.id: entry for entry in _read(home.downloads)}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of them, in the order in which they are fetched."""
        with self._lock:
            return tuple(self._entries.values())

    def begin(self) -> None:
        """Fetch what waits."""
        with self._lock:
            self._begun = True
        self._pump()

    def add(self, text: str, wish: Wish | None = None, output: str = "") -> Entry:
        """Put a name or an address at the end. Raises HubError if it is none."""
        source = parse_source(text)
        if source.file:
            wish = Wish(include=(source.file,))
        with self._lock:
            same = (source.repo, source.revision, wish or Wish(), output)
            for entry in self._entries.values():
                if entry.state != "done" and (entry.repo, entry.revision, entry.wish, entry.output) == same:
                    return entry
            number = max(self._entries, default=0) + 1
            entry = Entry(id=number, repo=same[0], revision=same[1], wish=same[2], output=output)
            self._put(entry)
        self._pump()
        return entry

    def pause(self, number: int) -> None:
        """Stop it; what has come is kept."""
        self._leave(number, "paused", ("waiting", "running"))

    def resume(self, number: int) -> None:
        """Go on with a paused one, try a failed one again, or update what is an older version."""
        self._leave(number, "waiting", ("paused", "failed"))
        self._pump()

    def cancel(self, number: int) -> None:
        """Take it off the list, and throw away what has come of one that is not complete."""
        with self._lock:
            entry = self._entries.pop(number, None)
            if entry is None:
                return
            self._save()
            worker = self._workers.get(number)
            if entry.state != "done":
                self._doomed[number] = entry
        if worker is not None:
            worker.stop()
        else:
            self._throw_away(number)
        self._on_change(number)

    def close(self) -> None:
        """Stop all of them and wait until their processes have ended; they wait on the disk for the next time."""
        with self._lock:
            self._begun = False
            workers = list(self._workers.values())
        for worker in workers:
            worker.stop()
        for thread in self._threads:
            thread.join()

    def _leave(self, number: int, state: State, where: tuple[State, ...]) -> None:
        with self._lock:
            entry = self._entries.get(number)
            if entry is None or entry.state not in where:
                return
            update = entry.update or (entry.outdated and state == "waiting")
            change = {"state": state, "problem": "", "speed": 0.0, "eta": None, "files": (), "outdated": False}
            self._put(msgspec.structs.replace(entry, **change, update=update))
            worker = self._workers.get(number)
        if worker is not None and state == "paused":
            worker.stop()

    def _pump(self) -> None:
        """Start as many as may run at the same time."""
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            for entry in tuple(self._entries.values()):
                if not self._begun or len(self._workers) >= self._parallel:
                    return
                # One that was paused a moment ago may still have its old process.
                if entry.state != "waiting" or entry.id in self._workers:
                    continue
                worker = Worker(self._task(entry))
                self._workers[entry.id] = worker
                self._put(msgspec.structs.replace(entry, state="running"))
                thread = threading.Thread(target=self._run, args=(entry.id, worker), name=f"download-{entry.id}")
                self._threads.append(thread)
                thread.start()

    def _run(self, number: int, worker: Worker) -> None:
        for event in worker.events():
            self._take(number, event)
        with self._lock:
            del self._workers[number]
            entry = self._entries.get(number)
            if entry is not None and entry.state == "running":
                # It was ended by `close`.
                self._put(msgspec.structs.replace(entry, state="waiting", speed=0.0, eta=None, files=()))
        self._throw_away(number)
        self._pump()

    def _take(self, number: int, event: Told) -> None:
        with self._lock:
            entry = self._entries.get(number)
            if entry is None or entry.state != "running":
                if isinstance(event, Found) and number in self._doomed:
                    self._doomed[number] = msgspec.structs.replace(self._doomed[number], folder=event.folder)
                return
            changed = _after(entry, event)
            if changed is not entry:
                self._put(changed, save=not isinstance(event, Progressed | Waiting))

    def _put(self, entry: Entry, *, save: bool = True) -> None:
        self._entries[entry.id] = entry
        if save:
            self._save()
        self._on_change(entry)

    def _save(self) -> None:
        write_atomically(self._home.downloads, msgspec.json.encode(list(self._entries.values())))

    def _task(self, entry: Entry) -> Task:
        return Task(
            repo=entry.repo,
            revision=entry.revision,
            models=str(self._home.models),
            loras=str(self._home.loras),
            folder=Source(entry.repo, entry.revision).folder,
            output=entry.output,
            wish=entry.wish,
            update=entry.update,
        )

    def _throw_away(self, number: int) -> None:
        with self._lock:
            entry = self._doomed.pop(number, None)
        if entry is None or not entry.folder:
            return
        from .staging import discard

        try:
            discard(Path(entry.folder))
        except (HubError, OSError):
            return  # another process fetches the same, or the disk is gone: `lora-deck download` lists what stays


def _after(entry: Entry, event: Told) -> Entry:
    change = msgspec.structs.replace
    if isinstance(event, Found):
        return change(entry, kind=event.kind, folder=event.folder, done=event.done, total=event.total, problem="")
    if isinstance(event, Progressed):
        return change(
            entry, done=event.done, total=event.total, speed=event.speed, eta=event.eta, files=event.files, problem=""
        )
    if isinstance(event, Waiting):
        return change(entry, problem=event.reason, speed=0.0, eta=None)
    if isinstance(event, Failed):
        told = {"problem": event.message, "outdated": event.kind == "outdated"}
        return change(entry, state="failed", speed=0.0, eta=None, files=(), **told)
    if isinstance(event, Finished):
        total = event.total
        ended = {"speed": 0.0, "eta": None, "files": (), "problem": "", "change": event.change}
        return change(entry, state="done", done=total, total=total, **ended)
    return entry


def _read(file: Path) -> list[Entry]:
    try:
        found = msgspec.json.decode(file.read_bytes(), type=list[Entry])
    except FileNotFoundError:
        return []
    except (OSError, ValueError):
        if file.is_file():
            set_aside(file)
        return []
    # One that ran when the program ended goes on.
    return [msgspec.structs.replace(one, state="waiting") if one.state == "running" else one for one in found]
