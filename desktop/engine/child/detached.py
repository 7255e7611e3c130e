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
from pathlib import Path
from typing import Any

import msgspec

from desktop.engine.exit_reason import exit_reason, read_oom_counters
from desktop.engine.process import last_line
from desktop.engine.runs.entries import Died, Entry, Launched, RunEnded
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lines import Tail, append_line, size_of
from desktop.engine.runs.lock import RunLock

from .training import train

EXIT_BUSY = 75
"""Exit status of a worker that found the run in another's hands."""


def play(role: str, folder: str) -> None:
    """Be one of the three processes, and end."""
    run = RunFolder(Path(folder))
    if role == "detach":
        _start("watch")
        os._exit(0)
    if role == "watch":
        os._exit(_watch(run))
    _work(run)


def _start(role: str) -> subprocess.Popen[bytes]:
    """Start this very program in another role; it inherits the log as its standard output."""
    lend = {**msgspec.json.decode(sys.argv[1]), "role": role}
    return subprocess.Popen(
        [sys.executable, "-u", sys.argv[0], msgspec.json.encode(lend).decode()], stdin=subprocess.DEVNULL
    )


def _watch(run: RunFolder) -> int:
    """Wait for the worker's end and write down how it ended where it could not do so itself."""
    before, begun = read_oom_counters(), size_of(run.events)
    worker = _start("work")

    def pass_on(number: int, frame: Any) -> None:
        worker.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    status = worker.wait()
    entries = Tail[Entry](run.events, Entry, begun).read()
    own = [entry for entry in entries if isinstance(entry.event, Launched | RunEnded)]
    if status != EXIT_BUSY and (not own or isinstance(own[-1].event, Launched)):
        reason = exit_reason(status, before, read_oom_counters(), last_line(run.log))
        append_line(run.events, Entry(time.time(), Died(reason=reason)))
    return 0


def _work(run: RunFolder) -> None:
    try:
        lock = RunLock(run.lock)
    except BlockingIOError as error:
        print(error, flush=True)  # noqa: T201 - goes to the log
        os._exit(EXIT_BUSY)
    try:
        train(run)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    lock.release()
    # Not sys.exit(): a backend's atexit handlers and threads may hang, and there is nothing left to save.
    os._exit(0)
