"""Where words go: people's to standard error, results to standard output."""

from __future__ import annotations

import sys
import time
from typing import Any

import msgspec


class CommandError(Exception):
    """The command can't do what was asked; the message goes to standard error and the exit status is 1."""


def say(text: str) -> None:
    """One line for the person, on standard error."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def put(text: str, end: str = "\n") -> None:
    """A piece of the result, on standard output."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def put_json(value: Any) -> None:
    """One JSON object on one line of standard output; Structs become objects."""
    put(msgspec.json.encode(value).decode())


def plain(text: str) -> str:
    """Text without control characters, so that a name from a stranger's file can't drive the terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


class ProgressLine:
    """Shows progress on standard error: a line that redraws itself on a terminal, else a line every few seconds."""

    def __init__(self, interval: float = 5.0) -> None:
        """`interval` is in seconds and holds where standard error is no terminal."""
        self._terminal = sys.stderr.isatty()
        self._interval = interval
        self._last = ("", 0.0)
        self._drawn = False

    def show(self, step: str, fraction: float | None = None) -> None:
        """Say what is being done."""
        text = plain(step) + ("" if fraction is None else f" {fraction:.0%}")
        now = time.monotonic()
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
            self._drawn = True
        elif step != self._last[0] or now - self._last[1] >= self._interval:
            say(text)
        else:
            return
        self._last = (step, now)

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False
