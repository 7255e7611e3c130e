"""An engine process that can be started again, and the jobs given to it.

What can be asked of it is the business of the classes built on this one.
"""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

from .governor import Governor
from .jobs import EngineGone, Job
from .life import Life
from .messages import PROTOCOL, Ask
from .process import Launch

START_TIMEOUT = 60.0
"""Seconds an interpreter has to say hello; a cold disk and a virus scanner can make it slow."""

_numbers = itertools.count(1)


def new_number() -> int:
    """A job number nobody else in this program has."""
    return next(_numbers)


class Connection:
    """Starts one process, gives it jobs and delivers their events. Every method may be called from any thread;
    only `start`, `close` and `kill` wait for the process."""

    def __init__(self, launch: Launch, logs: Path, governor: Governor | None = None, background: bool = False) -> None:
        """Nothing is started yet. The process's own output goes to a file in the folder `logs`."""
        self._background = background
        self.launch = launch
        self._logs = logs
        self._governor = governor or Governor()
        self._life: Life | None = None
        self._starting = threading.Lock()
        self._unwanted = False
        self._no_start = ""

    @property
    def pid(self) -> int | None:
        """The process's number while it runs."""
        life = self._life
        return life.pid if life else None

    @property
    def end_reason(self) -> str:
        """How the process ended, in words; empty while it runs and before it was first started."""
        life = self._life
        return life.end_reason if life else self._no_start

    def start(self) -> None:
        """Start the process and wait until it says hello. Raises EngineGone with the reason if it doesn't.

        A `close` or `kill` from another thread ends the wait; a process that runs already is a RuntimeError.
        """
        with self._starting:
            if self.pid is not None:
                raise RuntimeError("this engine runs already")
            self._unwanted = False
            self._life = life = self._new_life()
            if self._unwanted:
                # It was ended from another thread before there was anything to end.
                life.kill()
            life.said_something.wait(START_TIMEOUT)
            if life.end_reason:
                raise EngineGone(life.end_reason)
            if life.protocol != PROTOCOL:
                silent = f"{self.launch.python} said nothing for {START_TIMEOUT:.0f} seconds"
                other = f"it speaks protocol {life.protocol}, this program {PROTOCOL}; install both anew"
                fault = other if life.protocol else silent
                life.refuse(fault)
                raise EngineGone(fault)

    def close(self) -> None:
        """End the process and give all its memory back. Does nothing if it is gone."""
        self._unwanted = True
        if (life := self._life) is not None:
            life.close()

    def kill(self) -> None:
        """End the process at once, whatever it is doing; its jobs end as cancelled."""
        self._unwanted = True
        if (life := self._life) is not None:
            life.kill()

    def ask(self, message: Ask, job: Job[Any]) -> None:
        """Give the process a job; if it can't take it, the job ends with EngineGone."""
        if (life := self._life) is not None:
            life.ask(message, job)
        else:
            job.put(EngineGone(self._no_start or "it has not been started"))

    def cancel(self, number: int) -> None:
        """Ask for the end of a job at its next cancel point."""
        if (life := self._life) is not None:
            life.cancel(number)

    def _new_life(self) -> Life:
        log = self._logs / f"engine-{time.strftime('%Y%m%d-%H%M%S')}-{new_number()}.log"
        try:
            return Life(self.launch, log, self._governor, self._background)
        except OSError as error:
            self._life = None
            where = f": {error.filename}" if error.filename not in {None, self.launch.python} else ""
            self._no_start = f"{self.launch.python} can't be started ({error.strerror}{where})"
            raise EngineGone(self._no_start) from error
