"""Messages that wait to be written to an engine process."""

from __future__ import annotations

import threading
from collections import deque


class Outbox:
    """A queue that never makes the one who puts wait, and that can be closed whether it is full or not."""

    def __init__(self, limit: int) -> None:
        """At most `limit` messages wait."""
        self._limit = limit
        self._waiting: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, body: bytes) -> bool:
        """Add a message; False if the box is full. A closed box drops it: the process it was for is ending."""
        with self._changed:
            if not self._closed:
                if len(self._waiting) >= self._limit:
                    return False
                self._waiting.append(body)
                self._changed.notify()
            return True

    def take(self) -> bytes | None:
        """Wait for the next message; None when the box is closed and empty."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None

    def close(self) -> bool:
        """Take no more messages; those that wait may still be taken. False if the box was full."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            return len(self._waiting) < self._limit
