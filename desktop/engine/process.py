"""Starts an engine process and moves messages to and from it without ever blocking the caller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import msgspec

from .exit_reason import exit_reason, read_oom_counters
from .messages import Event, Request, encoder, event_decoder
from .outbox import Outbox
from .wire import WireError, check_size, read_frame, write_frame

QUEUE_LIMIT = 1000
"""Messages that may wait for a process that doesn't read. More means that it hangs."""

END_GRACE = 5.0
"""Seconds a process may still take to end after it has closed its pipe."""

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


class Launch(msgspec.Struct, frozen=True):
    """Which interpreter runs the engine, and which packages it is lent."""

    python: str
    packages: dict[str, str] = {}
    """Top-level package to folder. `desktop` is always lent, and of it only the contract and the engine."""


class EngineProcess:
    """One child process, watched by three threads: a reader, a writer, and one that waits for its end.

    Events are handed to `on_event` on the reader thread; `on_end` is called once, when no more events can come.
    """

    def __init__(
        self, launch: Launch, log: Path, on_event: Callable[[Event], None], on_end: Callable[[str], None]
    ) -> None:
        """Start the process; its own output goes to the file `log`. Raises OSError if it can't be started."""
        self._log = log
        self._on_event = on_event
        self._on_end = on_end
        self._oom_before = read_oom_counters()
        self._outbox = Outbox(QUEUE_LIMIT)
        self._broken = ""
        self._ended = threading.Event()
        self._popen = _spawn(launch, log)
        self.pid = self._popen.pid
        self._threads = [
            threading.Thread(target=work, name=f"engine-{self.pid}-{name}", daemon=True)
            for name, work in (("reader", self._read), ("writer", self._write), ("watcher", self._watch))
        ]
        for thread in self._threads:
            thread.start()

    def send(self, message: Request) -> bool:
        """Queue a message; False if the process has stopped reading and the queue is full.

        What is sent to a process that is ending is lost, and `on_end` is still to come or has come.
        Raises WireError for a message that is too large and ValueError for one that can't be written at all.
        """
        body = encoder.encode(message)
        check_size(body)
        return self._outbox.put(body)

    def close(self, grace: float = 5.0) -> None:
        """Close the pipe, wait for the process to end by itself, kill it after `grace` seconds."""
        keeps_up = self._outbox.close()
        if not keeps_up or not self._ended.wait(grace):
            self._kill()
        self._join()

    def kill(self) -> None:
        """End the process at once; all its memory comes back."""
        self._outbox.close()
        self._kill()
        self._join()

    def _kill(self) -> None:
        # Once it is known to have ended, its number may belong to somebody else.
        if not self._ended.is_set():
            self._kill_group()

    def _kill_group(self) -> None:
        # The whole group: a compiler or a download that the engine started must not outlive it.
        if sys.platform == "win32":
            self._popen.kill()
            return
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nobody is left; macOS says so by EPERM

    def _join(self) -> None:
        # Called by one of the threads themselves, through a callback: waiting for itself would never end.
        if threading.current_thread() not in self._threads:
            for thread in self._threads:
                thread.join(END_GRACE)

    def _write(self) -> None:
        stream = self._pipe(self._popen.stdin)
        try:
            while (body := self._outbox.take()) is not None:
                write_frame(stream, body)
        except (OSError, ValueError):
            pass  # the process is gone; the watcher tells why
        finally:
            self._outbox.close()
            try:
                stream.close()
            except OSError:
                pass  # unsent bytes for a process that is gone

    def _read(self) -> None:
        stream = self._pipe(self._popen.stdout)
        try:
            while (frame := read_frame(stream)) is not None:
                self._on_event(event_decoder().decode(frame))
        except (OSError, WireError, msgspec.DecodeError) as error:
            self._broken = f"it sent something that can't be read ({error})"
            self._kill()
        finally:
            stream.close()
            if not self._ended.wait(END_GRACE):
                self._broken = self._broken or "it closed its end of the pipe"
                self._kill()

    def _watch(self) -> None:
        status = self._popen.wait()
        if sys.platform != "win32":
            # What it forked may hold the pipe open, and then the reader would wait for ever.
            self._kill_group()
        self._ended.set()
        self._outbox.close()
        # Not without a limit: a fork that has left the group holds the pipe as long as it likes.
        self._threads[0].join(END_GRACE)
        self._on_end(self._broken or exit_reason(status, self._oom_before, read_oom_counters(), last_line(self._log)))

    @staticmethod
    def _pipe(stream: IO[bytes] | None) -> BinaryIO:
        assert stream is not None
        return cast(BinaryIO, stream)


def last_line(log: Path) -> str:
    """The last line with words in it, or "" where there is none or no file."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4096))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:500]


def _spawn(launch: Launch, log: Path) -> subprocess.Popen[bytes]:
    package = Path(__file__).resolve().parent
    lend = {
        "packages": {**launch.packages, "desktop": str(package.parent)},
        "only": ["desktop.api", "desktop.engine"],
    }
    log.parent.mkdir(parents=True, exist_ok=True)
    # A group of its own, so that Ctrl-C in the terminal reaches the shell alone.
    group: dict[str, Any] = {"creationflags": 0x00000200} if sys.platform == "win32" else {"process_group": 0}
    with log.open("ab") as output:
        return subprocess.Popen(
            [launch.python, "-u", str(package / "bootstrap.py"), msgspec.json.encode(lend).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=log.parent,
            env={**os.environ, **OFFLINE, "PYTHONUTF8": "1"},
            **group,
        )
