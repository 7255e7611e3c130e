"""One engine process and the jobs given to it. What can be asked is the business of the classes built on it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .governor import Governor
from .jobs import EngineGone, Job
from .messages import PROTOCOL, Ask, Cancel, Cancelled, Event, Failed, Finished, Hello, Share
from .process import EngineProcess, Launch

START_TIMEOUT = 60.0
"""Seconds an interpreter has to say hello; a cold disk and a virus scanner can make it slow."""

_numbers = itertools.count(1)


def new_number() -> int:
    """A job number nobody else in this program has."""
    return next(_numbers)


class Connection:
    """Starts one process, gives it jobs and delivers their events. Every method may be called from any thread;
    only `start` and `close` wait for the process."""

    def __init__(self, launch: Launch, logs: Path, governor: Governor | None = None) -> None:
        """Nothing is started yet. The process's own output goes to a file in the folder `logs`."""
        self.launch = launch
        self._logs = logs
        self._governor = governor or Governor()
        self._lock = threading.Lock()
        self._jobs: dict[int, Job[Any]] = {}
        self._hello = threading.Event()
        self._protocol = 0
        self._process: EngineProcess | None = None
        self._ended_on_purpose = False
        self.end_reason = ""
        """How the process ended, in words; empty while it runs."""

    @property
    def pid(self) -> int | None:
        """The process's number while it runs."""
        return self._process.pid if self._process and not self.end_reason else None

    def start(self) -> None:
        """Start the process and wait until it says hello. Raises EngineGone with the reason if it doesn't."""
        self._hello.clear()
        self._ended_on_purpose = False
        self.end_reason = ""
        log = self._logs / f"engine-{time.strftime('%Y%m%d-%H%M%S')}-{new_number()}.log"
        try:
            self._process = EngineProcess(self.launch, log, self._on_event, self._on_end)
        except OSError as error:
            self.end_reason = f"{self.launch.python} can't be started ({error.strerror})"
            raise EngineGone(self.end_reason) from error
        if not self._hello.wait(START_TIMEOUT):
            self._process.kill()
            raise EngineGone(f"{self.launch.python} said nothing for {START_TIMEOUT:.0f} seconds")
        if self.end_reason:
            raise EngineGone(self.end_reason)
        if self._protocol != PROTOCOL:
            self._process.kill()
            raise EngineGone(f"it speaks protocol {self._protocol}, this program {PROTOCOL}; install both anew")

    def close(self) -> None:
        """End the process and give all its memory back. Does nothing if it is gone."""
        self._end_process(EngineProcess.close)

    def kill(self) -> None:
        """End the process at once, whatever it is doing; its jobs end as cancelled."""
        self._end_process(EngineProcess.kill)

    def share(self, parts: int) -> None:
        """Use one part in `parts` of the cores; the governor says so."""
        if self._process is not None:
            self._process.send(Share(parts))

    def ask(self, message: Ask, job: Job[Any]) -> None:
        """Give the process a job; if it can't take it, the job ends with EngineGone."""
        process = self._process
        with self._lock:
            self._jobs[job.number] = job
            self._governor.begin(self)
        sent = process is not None and not self.end_reason and process.send(message)  # type: ignore[arg-type]
        if not sent:
            reason = self.end_reason or ("it has stopped reading" if process else "it has not been started")
            self._end(job.number, EngineGone(reason))

    def cancel(self, number: int) -> None:
        """Ask for the end of a job at its next cancel point."""
        if self._process is not None and number in self._jobs:
            self._process.send(Cancel(number))

    def _end_process(self, end: Callable[[EngineProcess], None]) -> None:
        process = self._process
        if process is not None:
            self._ended_on_purpose = True
            end(process)
            self._process = None

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Hello):
            self._protocol = event.protocol
            self._hello.set()
        elif isinstance(event, Finished | Failed | Cancelled):
            self._end(event.job, event)
        elif (job := self._jobs.get(event.job)) is not None:
            job.put(event)

    def _on_end(self, reason: str) -> None:
        self.end_reason = "it was ended on request" if self._ended_on_purpose else reason
        self._hello.set()
        with self._lock:
            left = list(self._jobs)
        for number in left:
            self._end(number, Cancelled(number) if self._ended_on_purpose else EngineGone(reason))

    def _end(self, number: int, ending: Finished | Failed | Cancelled | EngineGone) -> None:
        # The governor is told under the same lock as the table changes, or a new job could be taken for the end.
        with self._lock:
            job = self._jobs.pop(number, None)
            if not self._jobs:
                self._governor.end(self)
        if job is not None:
            job.put(ending)
