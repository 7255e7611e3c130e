"""A job given to an engine, as the shell holds it: its events, its one ending, and the way to cancel it."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

import msgspec

from desktop.api import Chunk

from .messages import Cancelled, Failed, Failure, Finished, Piece, Step

T = TypeVar("T")


class JobFailed(Exception):
    """The job failed; the message is for the user, `failure.detail` for whoever mends it."""

    def __init__(self, failure: Failure) -> None:
        """Wraps what the engine said."""
        super().__init__(failure.message)
        self.failure = failure


class EngineGone(JobFailed):
    """The engine process ended before the job did."""

    def __init__(self, reason: str) -> None:
        """`reason` says in words how it ended."""
        super().__init__(Failure(kind="broken", message=f"The engine stopped: {reason}."))
        self.reason = reason


class JobCancelled(Exception):
    """The job was cancelled."""


Ending = Finished | Failed | Cancelled | EngineGone


class Job(Generic[T]):
    """One thing an engine was asked to do. One thread reads it; any thread may cancel it."""

    def __init__(self, number: int, result_type: Any, cancel: Callable[[int], None]) -> None:
        """`result_type` is what `Finished.result` is decoded as; `cancel` sends the cancellation."""
        self.number = number
        self._type = result_type
        self._cancel = cancel
        self._events: queue.SimpleQueue[Step | Piece | Ending] = queue.SimpleQueue()
        self._ending: Ending | None = None

    def cancel(self) -> None:
        """Ask for the end of the job at its next cancel point. Returns at once."""
        self._cancel(self.number)

    def put(self, event: Step | Piece | Ending) -> None:
        """Deliver an event; called by the client's reader thread."""
        self._events.put(event)

    def events(self, timeout: float | None = None) -> Iterator[Step | Chunk]:
        """Progress and pieces of the answer as they come, until the job has ended; blocks.

        Raises TimeoutError if nothing at all comes for `timeout` seconds.
        """
        while self._ending is None:
            try:
                event = self._events.get(timeout=timeout)
            except queue.Empty:
                raise TimeoutError(f"the engine has said nothing for {timeout} seconds") from None
            if isinstance(event, Step):
                yield event
            elif isinstance(event, Piece):
                yield event.chunk
            else:
                self._ending = event

    def result(self, timeout: float | None = None) -> T:
        """Wait for the end. Raises JobFailed, EngineGone or JobCancelled; TimeoutError as `events` does."""
        for _ in self.events(timeout):
            pass
        ending = self._ending
        if isinstance(ending, Finished):
            return self._read(ending)
        if isinstance(ending, Failed):
            raise JobFailed(ending.failure)
        if isinstance(ending, EngineGone):
            raise ending
        raise JobCancelled

    def _read(self, ending: Finished) -> T:
        try:
            return cast(T, msgspec.msgpack.decode(ending.result, type=self._type))
        except msgspec.ValidationError as error:
            words = f"Its answer is no proper {getattr(self._type, '__name__', self._type)}: {error}."
            raise JobFailed(Failure(kind="bug", message=words)) from error
