"""The processes of a detached engine: one that lets go of the shell, one that watches, one that works.

The watcher holds neither torch nor a plugin. It is there to tell, when the worker is killed or crashes, how it ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from desktop.engine.exit_reason import exit_reason, read_oom_counters
from desktop.engine.process import last_line
from desktop.engine.runs.entries import Died, Entry, Launched, RunEnded, RunEvent
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lines import Tail, append_line, size_of
from desktop.engine.runs.lock import RunLock

from .training import train

EXIT_BUSY = 75
"""Exit status of a worker that found the run in another's hands."""

_TRIES, _PAUSE = 120, 5.0
"""How often, and after how many seconds, the watcher tries again to write to a disk that is full."""


def play(role: str, folder: str, token: str) -> None:
    """Be one of the three processes, and end. `token` names this start of the run."""
    run = RunFolder(Path(folder))
    if role == "detach":
        _start("watch")
        os._exit(0)
    if role == "watch":
        os._exit(_watch(run, token))
    _work(run, token)


def _start(role: str) -> subprocess.Popen[bytes]:
    """Start this very program in another role; it inherits the log as its standard output."""
    lend = {**msgspec.json.decode(sys.argv[1]), "role": role}
    return subprocess.Popen(
        [sys.executable, "-u", sys.argv[0], msgspec.json.encode(lend).decode()], stdin=subprocess.DEVNULL
    )


def _watch(run: RunFolder, token: str) -> int:
    """Wait for the worker's end and write down how it ended where it could not do so itself."""
    before, begun = read_oom_counters(), size_of(run.events)
    worker = _start("work")

    def pass_on(number: int, frame: Any) -> None:
        worker.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    status = worker.wait()
    said = [entry.event for entry in Tail[Entry](run.events, Entry, begun).read()]
    if status != EXIT_BUSY and not _has_ended(said, token):
        reason = exit_reason(status, before, read_oom_counters(), last_line(run.log))
        _tell(run, Died(token=token, reason=reason))
    return 0


def _tell(run: RunFolder, died: Died) -> None:
    """Write it down; where the disk is full, once there is room again."""
    for _ in range(_TRIES):
        try:
            append_line(run.events, Entry(time.time(), died))
        except OSError as error:
            print(error, flush=True)  # noqa: T201 - goes to the log
            time.sleep(_PAUSE)
        else:
            return


def _has_ended(said: Sequence[RunEvent], token: str) -> bool:
    """Whether the worker of this start had its last word."""
    launches = [number for number, event in enumerate(said) if isinstance(event, Launched) and event.token == token]
    return bool(launches) and any(isinstance(event, RunEnded) for event in said[launches[0] :])


def _work(run: RunFolder, token: str) -> None:
    try:
        lock = RunLock(run.lock)
    except BlockingIOError as error:
        print(error, flush=True)  # noqa: T201 - goes to the log
        os._exit(EXIT_BUSY)
    try:
        train(run, token)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    lock.release()
    # Not sys.exit(): a backend's atexit handlers and threads may hang, and there is nothing left to save.
    os._exit(0)
