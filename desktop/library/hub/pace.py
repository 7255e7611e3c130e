"""How fast a download is, and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from .events import FileSize, Progressed

_SPAN = 10.0
"""Seconds over which the speed is taken: shorter jumps about, longer hides that nothing comes any more."""


class Pace:
    """Remembers how far it was over the last seconds."""

    def __init__(self, total: int) -> None:
        """`total` is in bytes."""
        self._total = total
        self._seen: deque[tuple[float, int]] = deque()

    def told(self, done: int, files: Sequence[FileSize]) -> Progressed:
        """What to say now that so many bytes are there."""
        now = time.monotonic()
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()  # a file began anew
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > _SPAN:
            self._seen.popleft()
        since, before = self._seen[0]
        speed = (done - before) / (now - since) if now - since > 0.1 else 0.0
        eta = (self._total - done) / speed if speed > 0 else None
        return Progressed(done=done, total=self._total, speed=speed, eta=eta, files=tuple(files))
