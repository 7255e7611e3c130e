"""What arrives from the shell: jobs in a queue, cancellations and core shares at once."""

from __future__ import annotations

import os
import queue
import threading
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
        self._jobs: queue.SimpleQueue[Ask | None] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self.parts = 1
        """The share of the cores the shell allows: one part in this many."""
        self.ended = False
        """The shell has closed the pipe or is gone."""
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next_job(self) -> Ask | None:
        """Wait for the next job; None when there will be no more."""
        return self._jobs.get()

    def is_cancelled(self, job: int) -> bool:
        """Whether this job should end at once."""
        return self.ended or job in self._cancelled

    def forget(self, job: int) -> None:
        """The job has ended; a late cancellation of it means nothing."""
        self._cancelled.discard(job)

    def _read(self) -> None:
        try:
            while (frame := read_frame(self._stream)) is not None:
                self._take(request_decoder.decode(frame))
        except (OSError, WireError, ValueError) as error:
            print(f"engine: the pipe from the shell broke: {error}", flush=True)  # noqa: T201 - goes to the log
        finally:
            self._end()

    def _take(self, message: Request) -> None:
        if isinstance(message, Cancel):
            self._cancelled.add(message.job)
        elif isinstance(message, Share):
            self.parts = max(1, message.parts)
        else:
            self._jobs.put(message)

    def _end(self) -> None:
        self.ended = True
        self._jobs.put(None)
        # The shell is gone: a job that never reaches a cancel point must not keep the memory.
        timer = threading.Timer(EXIT_GRACE, os._exit, (0,))
        timer.daemon = True
        timer.start()
