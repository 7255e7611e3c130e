"""One at a time, whichever window or command it is: what is read, changed and written again must not be crossed."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_THREADS = threading.Lock()
_OURS: dict[Path, threading.RLock] = {}


@contextmanager
def home_lock(root: Path, name: str, patience: float = 10.0) -> Iterator[None]:
    """Hold the lock of that name of a home folder; the same thread may hold it again.

    Waits for other threads, and `patience` seconds for other processes: then TimeoutError, which is an OSError. Raises
    OSError where the home folder can't be written. The lock of a process that was killed is free.
    """
    # Here and not above: the window starts without it.
    from filelock import FileLock, Timeout

    file = root / f".{name}.lock"
    with _THREADS:
        ours = _OURS.setdefault(file, threading.RLock())
    with ours:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file, is_singleton=True)
        try:
            lock.acquire(timeout=patience)
        except Timeout as error:
            words = "another window or command is changing it; try again when that is done"
            raise TimeoutError(errno.ETIMEDOUT, words, str(root)) from error
        try:
            yield
        finally:
            lock.release()
