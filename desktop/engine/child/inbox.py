"""What arrives from the shell: jobs in a queue, cancellations and core shares at once."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import BinaryIO

from desktop.engine.messages import Ask, Cancel, Request, Share, request_decoder
from desktop.engine.wire import WireError, read_frame

EXIT_GRACE = 5.0
"""Seconds a running job has to reach a cancel point after the shell has gone."""


class Inbox:
    """Reads the pipe on a thread of its own, so that a cancellation arrives while a job runs."""

    def __init__(self, stream: BinaryIO) -> None:
        """`stream` is the pipe from the shell."""
        self._stream = stream
        self._jobs: deque[Ask | None] = deque()
        self._arrived = threading.Semaphore(0)
        self._news = threading.Event()
        self._cancelled: set[int] = set()
        self.parts = 1
        """The share of the cores the shell allows: one part in this many."""
        self.rest = 0.0
        """Seconds the shell wants rested for each second of work."""
        self.ended = False
        """The shell has closed the pipe or is gone."""
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next_job(self) -> Ask | None:
        """Wait for the next job; None when there will be no more."""
        self._arrived.acquire()
        return self._jobs.popleft()

    def next_between(self, kinds: tuple[type[Ask], ...]) -> Ask | None:
        """The next job if it is one of these kinds, which can be done in the middle of another; None if it isn't.

        A job is never taken past one that came before it.
        """
        if not self._jobs or not isinstance(self._jobs[0], kinds):
            return None
        self._arrived.acquire()
        return self._jobs.popleft()

    def is_cancelled(self, job: int) -> bool:
        """Whether this job should end at once."""
        return self.ended or job in self._cancelled

    def wait_for_news(self, seconds: float) -> None:
        """Wait until the shell says anything, but no longer than this."""
        self._news.wait(seconds)
        self._news.clear()

    def forget(self, job: int) -> None:
        """The job has ended; a late cancellation of it means nothing."""
        self._cancelled.discard(job)

    def _read(self) -> None:
        try:
            while (frame := read_frame(self._stream)) is not None:
                self._take(request_decoder().decode(frame))
        except (OSError, WireError, ValueError) as error:
            print(f"engine: the pipe from the shell broke: {error}", flush=True)  # noqa: T201 - goes to the log
        finally:
            self._end()

    def _take(self, message: Request) -> None:
        if isinstance(message, Cancel):
            self._cancelled.add(message.job)
        elif isinstance(message, Share):
            self.parts, self.rest = max(1, message.parts), message.rest
        else:
            self._put(message)
        self._news.set()

    def _put(self, job: Ask | None) -> None:
        self._jobs.append(job)
        self._arrived.release()

    def _end(self) -> None:
        self.ended = True
        self._put(None)
        self._news.set()
        # The shell is gone: a job that never reaches a cancel point must not keep the memory.
        timer = threading.Timer(EXIT_GRACE, os._exit, (0,))
        timer.daemon = True
        timer.start()
