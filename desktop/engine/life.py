"""One process from its start to its end, and the jobs given to it: what comes late from one can't reach the next."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from .governor import Governor
from .jobs import EngineGone, Job
from .messages import Ask, Cancel, Cancelled, Event, Failed, Failure, Finished, Hello, Rest, Share
from .process import EngineProcess, Launch
from .wire import WireError

ON_REQUEST = "it was ended on request"


class Life:
    """A running process with its table of jobs. Every method may be called from any thread."""

    def __init__(self, launch: Launch, log: Path, governor: Governor, background: bool = False) -> None:
        """Start the process. Raises OSError if it can't be started."""
        self._governor = governor
        self.background = background
        """Whether it rests now and then while an engine in the foreground is busy."""
        self._lock = threading.Lock()
        self._jobs: dict[int, Job[Any]] = {}
        self._on_request = False
        self._fault = ""
        self.said_something = threading.Event()
        """Set when the process has said hello or is gone."""
        self.protocol = 0
        """The protocol it speaks; 0 before it has said hello."""
        self.end_reason = ""
        """How the process ended, in words; empty while it runs."""
        self._process = EngineProcess(launch, log, self._on_event, self._on_end)

    @property
    def pid(self) -> int | None:
        """The process's number while it runs."""
        return None if self.end_reason else self._process.pid

    def close(self) -> None:
        """Let the process end by itself, then make it; waits."""
        self._on_request = True
        self._process.close()

    def kill(self) -> None:
        """End the process at once; its jobs end as cancelled."""
        self._on_request = True
        self._process.kill()

    def refuse(self, fault: str) -> None:
        """End the process at once because it is of no use; its jobs fail."""
        self._fault = fault
        self._process.kill()

    def share(self, parts: int, rest: float) -> None:
        """Use one part in `parts` of the cores, rest `rest` seconds for each second of work; the governor says so."""
        self._process.send(Share(parts, rest))

    def ask(self, message: Ask, job: Job[Any]) -> None:
        """Give the process a job; if it can't take it, the job fails at once."""
        with self._lock:
            self._jobs[job.number] = job
            self._governor.begin(self)
        try:
            sent = self._process.send(message)  # type: ignore[arg-type]
        except (WireError, ValueError) as error:
            words = f"This can't be sent to the engine: {error}. Shorten it, or rename what has such a name."
            self._end(job.number, Failed(job.number, Failure(kind="user", message=words)))
            return
        # In this order: while there is no reason yet, `_on_end` has yet to see the table with this job in it.
        if self.end_reason or not sent:
            self._end(job.number, EngineGone(self.end_reason or "it has stopped reading"))

    def cancel(self, number: int) -> None:
        """Ask for the end of a job at its next cancel point."""
        if number in self._jobs:
            self._process.send(Cancel(number))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Hello):
            self.protocol = event.protocol
            self.said_something.set()
        elif isinstance(event, Finished | Failed | Cancelled):
            self._end(event.job, event)
        elif isinstance(event, Rest):
            self._governor.rests(self, event.resting)
        elif (job := self._jobs.get(event.job)) is not None:
            job.put(event)

    def _on_end(self, reason: str) -> None:
        self.end_reason = self._fault or (ON_REQUEST if self._on_request else reason)
        self.said_something.set()
        with self._lock:
            left = list(self._jobs)
        for number in left:
            cancelled = self.end_reason == ON_REQUEST
            self._end(number, Cancelled(number) if cancelled else EngineGone(self.end_reason))

    def _end(self, number: int, ending: Finished | Failed | Cancelled | EngineGone) -> None:
        # The governor is told under the same lock as the table changes, or a new job could be taken for the end.
        with self._lock:
            job = self._jobs.pop(number, None)
            if not self._jobs:
                self._governor.end(self)
        if job is not None:
            job.put(ending)
