"""Starts an engine process and moves messages to and from it without ever blocking the caller."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from .exit_reason import exit_reason, read_oom_counters
from .messages import Event, Request, encoder, event_decoder
from .wire import WireError, read_frame, write_frame

QUEUE_LIMIT = 1000
"""Messages that may wait for a process that doesn't read. More means that it hangs."""

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


class Launch(msgspec.Struct, frozen=True):
    """Which interpreter runs the engine, and which packages it is lent."""

    python: str
    packages: dict[str, str] = {}
    """Top-level package to folder. `desktop` is always lent, and of it only the contract and the engine."""


class EngineProcess:
    """One child process. Events are handed to `on_event`, the end to `on_end`, both on the reader thread."""

    def __init__(
        self, launch: Launch, log: Path, on_event: Callable[[Event], None], on_end: Callable[[str], None]
    ) -> None:
        """Start the process; its own output goes to the file `log`. Raises OSError if it can't be started."""
        self._log = log
        self._on_event = on_event
        self._on_end = on_end
        self._oom_before = read_oom_counters()
        self._queue: queue.Queue[bytes | None] = queue.Queue(QUEUE_LIMIT)
        self._popen = _spawn(launch, log)
        self.pid = self._popen.pid
        self._reader = threading.Thread(target=self._read, name=f"engine-{self.pid}-reader", daemon=True)
        self._writer = threading.Thread(target=self._write, name=f"engine-{self.pid}-writer", daemon=True)
        self._reader.start()
        self._writer.start()

    def send(self, message: Request) -> bool:
        """Queue a message; False if the process has stopped reading and the queue is full."""
        try:
            self._queue.put_nowait(encoder.encode(message))
        except queue.Full:
            return False
        return True

    def close(self, grace: float = 5.0) -> None:
        """Close the pipe, wait for the process to end by itself, kill it after `grace` seconds."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            self._kill()
        try:
            self._popen.wait(grace)
        except subprocess.TimeoutExpired:
            self._kill()
        self._join()

    def kill(self) -> None:
        """End the process at once; all its memory comes back."""
        self._kill()
        self._join()

    def _kill(self) -> None:
        # The whole group: a compiler or a download that the engine started must not outlive it.
        if sys.platform == "win32":
            self._popen.kill()
            return
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended already

    def _join(self) -> None:
        self._popen.wait()
        self._queue_end()
        for thread in (self._reader, self._writer):
            if thread is not threading.current_thread():
                thread.join()

    def _queue_end(self) -> None:
        # The writer may have gone already, and then nobody reads the queue; it only must not wait for ever.
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(None)

    def _write(self) -> None:
        stream = self._pipe(self._popen.stdin)
        try:
            while (body := self._queue.get()) is not None:
                write_frame(stream, body)
        except (OSError, WireError, ValueError):
            # The reader thread sees the same end and tells why; here is nobody to tell.
            return
        finally:
            try:
                stream.close()
            except OSError:
                pass  # unsent bytes for a process that is gone

    def _read(self) -> None:
        stream = self._pipe(self._popen.stdout)
        broken = ""
        try:
            while (frame := read_frame(stream)) is not None:
                self._on_event(event_decoder.decode(frame))
        except (OSError, WireError, msgspec.DecodeError) as error:
            broken = f"it sent something that can't be read ({error})"
            self._kill()
        stream.close()
        status = self._popen.wait()
        self._queue_end()
        self._on_end(broken or exit_reason(status, self._oom_before, read_oom_counters(), last_line(self._log)))

    @staticmethod
    def _pipe(stream: object) -> BinaryIO:
        assert stream is not None
        return stream  # type: ignore[return-value]


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
    group = {"creationflags": 0x00000200} if sys.platform == "win32" else {"process_group": 0}
    with log.open("ab") as output:
        return subprocess.Popen(
            [launch.python, "-u", str(package / "bootstrap.py"), msgspec.json.encode(lend).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=log.parent,
            env={**os.environ, **OFFLINE, "PYTHONUTF8": "1"},
            **group,  # type: ignore[call-overload]
        )
