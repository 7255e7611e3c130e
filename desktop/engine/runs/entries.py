"""What a run's log holds: the trainer's events and the engine's own, each with its time."""

from __future__ import annotations

from typing import Literal

import msgspec

from desktop.api import ModelInfo, TrainEvent, TrainReport

HowEnded = Literal["finished", "stopped", "failed"]


class Launched(msgspec.Struct, frozen=True, kw_only=True, tag="launched"):
    """An engine has taken the run up, for the first time or again."""

    pid: int
    token: str = ""
    """Names this start among all others."""
    resume_step: int = 0
    """Step of the checkpoint it goes on from; 0 where it begins."""
    version: str = ""


class Preparing(msgspec.Struct, frozen=True, kw_only=True, tag="preparing"):
    """The model is being loaded."""

    text: str
    fraction: float | None = None


class ModelLoaded(msgspec.Struct, frozen=True, kw_only=True, tag="loaded"):
    """The base model is loaded and the stack attached."""

    info: ModelInfo


class Obeyed(msgspec.Struct, frozen=True, kw_only=True, tag="obeyed"):
    """A command has been handed to the trainer."""

    command: str
    """Its words, such as "save" or "stop"."""


class RunEnded(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The engine's last word."""

    how: HowEnded
    message: str = ""
    """What went wrong, or what else there is to say."""
    detail: str = ""
    """The traceback of a bug, to be shown folded."""
    report: TrainReport | None = None
    """Only where the adapter is written."""
    result: str = ""
    """Where the adapter was copied to in the library; empty where it was not."""


class Died(msgspec.Struct, frozen=True, kw_only=True, tag="died"):
    """The engine's process ended without a last word; written by the one that watches over it."""

    token: str = ""
    """Of the start that it took part in."""
    reason: str
    """How, in words, from the system's own counters."""


RunEvent = Launched | Preparing | ModelLoaded | Obeyed | RunEnded | Died | TrainEvent


class Entry(msgspec.Struct, frozen=True):
    """One line of the log."""

    time: float
    """Seconds since 1970, UTC."""
    event: RunEvent
