"""What the child is asked, and what it tells: one JSON object a line between the program and its child."""

from __future__ import annotations

import msgspec

from .record import Wish


class Task(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="download"):
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
    update: bool = False
    """Bring a folder that holds an older version to the newest one."""
    tries: int = 6
    """Times something is tried in a row without a byte coming."""
    first_wait: float = 1.0
    """Seconds before the second try; each further wait is twice as long, up to a minute."""
    workers: int = 4
    """Files fetched at the same time."""


class Search(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="search"):
    """A question what the hub has."""

    words: str = ""
    kind: str = ""
    """"model", "adapter", or empty for both."""
    bases: tuple[str, ...] = ()
    """Names of one base: only its adapters."""
    model: str = ""
    """The folder or file of a model on the disk; adapters are held against it."""
    limit: int = 20
    tries: int = 3
    first_wait: float = 1.0


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=lambda name: name.lower()):
    """Something told by the child."""


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
    change: str = "new"
    """"new", "added" (files came to a folder that was there), "updated", or "none": it was up to date."""
    commit: str = ""


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


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A repository that was found."""

    repo: str
    kind: str
    base: str = ""
    """The base model of an adapter, as its page names it."""
    size: int = 0
    """Bytes of the repository, all versions together; 0 where the hub doesn't say."""
    downloads: int = 0
    """In the last month."""
    license: str = ""
    gated: bool = False
    verdict: str = ""
    """"fits", "misfit" or "unknown"; empty where no model was named, or for a model."""
    reason: str = ""


class Results(Event, frozen=True, kw_only=True):
    """What a search found."""

    hits: tuple[Hit, ...]


class Failed(Event, frozen=True, kw_only=True):
    """It ended without everything being there."""

    kind: str
    message: str


class Started(Event, frozen=True, kw_only=True):
    """The child runs."""

    pid: int


Told = Found | Progressed | Arrived | Waiting | Finished | Checked | Results | Failed | Started
encoder = msgspec.json.Encoder()
decoder = msgspec.json.Decoder(Told)
