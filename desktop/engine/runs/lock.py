"""Who runs a run: a lock of the operating system, which ends with the process that holds it, however that ends."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import msgspec

_AT = 1 << 30
"""Byte that is locked where only ranges can be: far behind the text, which stays readable."""
_PATIENCE = 1.0
"""Seconds: somebody who looks whether the lock is held holds it for a moment himself."""


class Holder(msgspec.Struct, frozen=True):
    """What the lock's file says of the process that took it last."""

    pid: int
    since: float
    """Seconds since 1970."""


class RunLock:
    """Taken by the engine and held until its process ends."""

    def __init__(self, path: Path) -> None:
        """Take it. Raises BlockingIOError if a living process holds it, and other OSErrors."""
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + _PATIENCE
        while not _try(self._handle, alone=True):
            if time.monotonic() > deadline:
                os.close(self._handle)
                raise BlockingIOError(f"{path} is held by another process")
            time.sleep(0.02)
        os.ftruncate(self._handle, 0)
        os.write(self._handle, msgspec.json.encode(Holder(os.getpid(), time.time())))

    def release(self) -> None:
        """Let it go; the end of the process does the same."""
        os.close(self._handle)


def holder(path: Path) -> Holder | None:
    """The living process that holds the lock, or None: a file that a dead one left behind means nothing."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        if _try(handle, alone=False):
            return None
        os.lseek(handle, 0, os.SEEK_SET)
        return msgspec.json.decode(os.read(handle, 4096), type=Holder)
    except (OSError, ValueError):
        return Holder(0, 0.0)  # held, and its words are not written yet
    finally:
        os.close(handle)


def _try(handle: int, *, alone: bool) -> bool:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _AT, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        if not alone:
            os.lseek(handle, _AT, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
        return True
    import fcntl

    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
