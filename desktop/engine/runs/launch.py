"""Starts a detached engine: it has a session of its own and outlives whoever started it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from desktop.engine import bootstrap
from desktop.engine.process import OFFLINE, Launch, last_line

from .entries import Died, Entry, Launched
from .folder import RunFolder
from .lines import Tail, size_of
from .lock import holder
from .task import RunTask

START_TIMEOUT = 60.0
"""Seconds an interpreter has to take the run up; a cold disk and a virus scanner can make it slow."""


class RunNotStarted(Exception):
    """The engine could not take the run up; the message says why and what to do."""


def write_task(folder: RunFolder, task: RunTask) -> None:
    """Hand the task over. Raises OSError."""
    temporary = folder.task.with_name(".task.json.part")
    temporary.write_bytes(msgspec.json.encode(task))
    temporary.replace(folder.task)


def start_run(folder: RunFolder, launch: Launch) -> None:
    """Start the engine on the folder's task and wait until it has taken the run up. Raises RunNotStarted."""
    if (who := holder(folder.lock)) is not None:
        raise RunNotStarted(f"The run {folder.id} is running already (process {who.pid}).")
    tail = Tail[Entry](folder.events, Entry, size_of(folder.events))
    token = secrets.token_hex(8)
    try:
        status = _call(folder, launch, token)
    except OSError as error:
        raise RunNotStarted(f"{launch.python} can't be started ({error.strerror}).") from error
    if status:
        raise RunNotStarted(f"The engine can't be started: {last_line(folder.log) or f'status {status}'}.")
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        for entry in tail.read():
            # An earlier engine's watcher may still be about to tell how that one ended.
            if isinstance(entry.event, Launched):
                if entry.event.token == token:
                    return
                raise RunNotStarted(f"The run {folder.id} is running already (process {entry.event.pid}).")
            if isinstance(entry.event, Died) and entry.event.token == token:
                raise RunNotStarted(f"The engine could not take the run up: {entry.event.reason}.")
        time.sleep(0.01)
    raise RunNotStarted(f"The engine said nothing for {START_TIMEOUT:.0f} seconds. {folder.log} may say why.")


def _call(folder: RunFolder, launch: Launch, token: str) -> int:
    """Start a process that starts the engine and ends, so that nobody here is the engine's parent; its status."""
    with folder.log.open("ab") as log:
        return subprocess.call(
            [launch.python, "-u", str(Path(bootstrap.__file__).resolve()), _lend(folder, launch, token)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder.root,
            env={**os.environ, **OFFLINE, "PYTHONUTF8": "1"},
            **_apart(),
        )


def _lend(folder: RunFolder, launch: Launch, token: str) -> str:
    package = Path(bootstrap.__file__).resolve().parent.parent
    lend = {
        "packages": {**launch.packages, "desktop": str(package)},
        "only": ["desktop.api", "desktop.engine"],
        "run": str(folder.root),
        "role": "detach",
        "token": token,
    }
    return msgspec.json.encode(lend).decode()


def _apart() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    return {"start_new_session": True}
