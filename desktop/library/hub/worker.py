"""Starts the child of a download or a search, hands its events on, and ends it whenever that is wanted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from .events import Checked, Failed, Finished, Results, Search, Task, Told, decoder

_ROOT = Path(__file__).resolve().parents[3]
_GRACE = 5.0


class Worker:
    """One child with one task. Whatever moment it ends at, the download can be taken up again."""

    def __init__(self, task: Task | Search) -> None:
        """Start it. Raises OSError if there is no process to be had."""
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "desktop.library.hub.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            # Ctrl-C reaches whoever started it, and that ends it.
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self.pid = self._popen.pid
        self._task = task
        self._stopped = False

    def events(self) -> Iterator[Told]:
        """Its events as they come, to be read on one thread; the last is Finished, Checked, Results or Failed.

        Nothing more comes after `stop`, not even the last.
        """
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        last: Told | None = None
        try:
            self._popen.stdin.write(msgspec.json.encode(self._task) + b"\n")
            self._popen.stdin.flush()
            for line in self._popen.stdout:
                if self._stopped:
                    return
                last = decoder.decode(line)
                yield last
        except (BrokenPipeError, msgspec.MsgspecError):
            pass  # it was killed; what that means is said below
        finally:
            self._end()
        if not self._stopped and not isinstance(last, Finished | Checked | Results | Failed):
            yield Failed(kind="bug", message=self._how_it_ended())

    def stop(self) -> None:
        """End it now; may be called on any thread and more than once."""
        self._stopped = True
        self._popen.kill()

    def _end(self) -> None:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        try:
            self._popen.stdin.close()
        except BrokenPipeError:
            pass  # it has ended already
        try:
            self._popen.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._popen.stdout.close()

    def _how_it_ended(self) -> str:
        status = self._popen.returncode
        how = f"status {status}"
        if status < 0:
            how = f"signal {signal.Signals(-status).name}" if -status in set(signal.Signals) else f"signal {-status}"
        return f"The process of the download ended by itself ({how}). What has come is kept: run it again."
