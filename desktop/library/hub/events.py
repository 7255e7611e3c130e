"""What a download is asked, and what it tells: one JSON object a line between the program and its child."""

from __future__ import annotations

import msgspec

from .record import Wish


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One download."""

    repo: str
    revision: str = "main"
    models: str
    """The folder that models go to."""
    loras: str
    """The folder that adapters go to."""
    output: str = ""
    """The folder to download into, instead of one in those two."""
    folder: str = ""
    """The name of the new folder in those two."""
    wish: Wish = Wish()
    check: bool = False
    """Only compare what is on the disk with the hub."""
    tries: int = 6
    """Times something is tried in a row without a byte coming."""
    first_wait: float = 1.0
    """Seconds before the second try; each further wait is twice as long, up to a minute."""
    workers: int = 4
    """Files fetched at the same time."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=lambda name: name.lower()):
    """Something told by a download."""


class FileSize(msgspec.Struct, frozen=True):
    """A file and how far it is."""

    path: str
    size: int
    done: int = 0


class Found(Event, frozen=True, kw_only=True):
    """The repository was looked at."""

    repo: str
    asked: str
    """Differs from `repo` where the repository was renamed."""
    revision: str
    commit: str
    kind: str
    why: str
    """What makes it a model or an adapter."""
    folder: str
    files: tuple[FileSize, ...]
    total: int
    """Bytes of all of them."""
    done: int
    """Bytes that are on the disk already."""
    left_out: tuple[str, ...]


class Progressed(Event, frozen=True, kw_only=True):
    """How far it is."""

    done: int
    total: int
    speed: float
    """Bytes a second over the last seconds."""
    eta: float | None
    """Seconds left at that speed; None while nothing comes."""
    files: tuple[FileSize, ...]
    """Those being fetched."""


class Arrived(Event, frozen=True, kw_only=True):
    """A file is whole and verified."""

    path: str
    size: int


class Waiting(Event, frozen=True, kw_only=True):
    """Something failed and is tried again after a while."""

    reason: str
    seconds: float


class Finished(Event, frozen=True, kw_only=True):
    """Everything that was wanted is there and verified."""

    repo: str
    kind: str
    folder: str
    files: int
    total: int
    fetched: int
    """Bytes that came over the network."""


class Difference(msgspec.Struct, frozen=True):
    """A file that is not as on the hub."""

    path: str
    problem: str


class Checked(Event, frozen=True, kw_only=True):
    """What is on the disk was compared with the hub."""

    repo: str
    folder: str
    commit: str
    files: int
    differences: tuple[Difference, ...]


class Failed(Event, frozen=True, kw_only=True):
    """It ended without everything being there."""

    kind: str
    message: str


class Started(Event, frozen=True, kw_only=True):
    """The child runs."""

    pid: int


Told = Found | Progressed | Arrived | Waiting | Finished | Checked | Failed | Started
encoder = msgspec.json.Encoder()
decoder = msgspec.json.Decoder(Told)
