"""How a run that outlives every window is told things: a file of commands, and a file with its share of the cores."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from desktop.api import TrainCommand

from .folder import RunFolder
from .lines import append_line

STALE = 10.0
"""Seconds after which a share means nothing: the shell that gave it is gone."""


class CoreShare(msgspec.Struct, frozen=True):
    """What a shell wishes while it lives; it repeats the wish more often than it gets stale."""

    parts: int = 1
    """The run uses one part in this many of the cores."""
    rest: float = 0.0
    """Seconds to rest for each second of work."""
    time: float = 0.0
    """When it was wished: seconds since 1970."""


class RestUntil(msgspec.Struct, frozen=True):
    """The run's own word that it rests."""

    until: float = 0.0
    """Seconds since 1970; in the past, it works."""


def send(folder: RunFolder, command: TrainCommand) -> None:
    """Tell a run something; it hears it after its present step. Raises OSError."""
    append_line(folder.control, command)


def wish_share(folder: RunFolder, parts: int, rest: float) -> None:
    """Write the share of the cores. Raises OSError."""
    _replace(folder.share, CoreShare(parts, rest, time.time()))


def tell_rest(folder: RunFolder, until: float) -> None:
    """Say until when the run rests; 0 where it works. Raises OSError."""
    _replace(folder.resting, RestUntil(until))


def read_share(folder: RunFolder) -> CoreShare:
    """The share that holds now: all the cores where nobody has wished anything lately."""
    try:
        share = msgspec.json.decode(folder.share.read_bytes(), type=CoreShare)
    except (OSError, ValueError):
        return CoreShare()
    return share if abs(time.time() - share.time) < STALE else CoreShare()


def read_rest(folder: RunFolder) -> bool:
    """Whether the run rests now."""
    try:
        return msgspec.json.decode(folder.resting.read_bytes(), type=RestUntil).until > time.time()
    except (OSError, ValueError):
        return False


def _replace(path: Path, value: object) -> None:
    # Not flushed to the disk: nothing is lost with it.
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(msgspec.json.encode(value))
    temporary.replace(path)
