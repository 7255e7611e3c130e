"""The trash of the home folder: what is deleted goes there whole, and comes back to where it was."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from datetime import datetime
from pathlib import Path

import msgspec

from desktop.library.atomic import write_atomically
from desktop.library.home import Home
from desktop.library.places import visible

from .problems import ShelfError, one_at_a_time
from .renaming import OtherDisk, rename_all
from .units import Unit, bytes_of

RECORD = "trash.json"
"""Beside what was deleted: what it was."""
INSIDE = "files"
"""The folder that holds it."""


class Trashed(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the trash."""

    id: str
    """The name of its folder in the trash."""
    kind: str
    """"model" or "adapter"."""
    folder: str
    """What it stood in, absolute."""
    names: tuple[str, ...]
    """What its folder or files are called."""
    size: int = 0
    """Bytes."""
    when: float = 0.0
    """When it was deleted, in seconds since 1970."""

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.names[0]


def move_to_trash(unit: Unit, home: Home) -> Trashed:
    """Move something out of the library. Raises ShelfError; then it is where it was."""
    with one_at_a_time(home):
        return _move_to_trash(unit, home)


def _move_to_trash(unit: Unit, home: Home) -> Trashed:
    _refuse_link(home.trash)
    trashed = Trashed(
        id=f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
        kind=unit.kind,
        folder=str(unit.folder),
        names=unit.names,
        size=bytes_of(unit.paths),
        when=time.time(),
    )
    place = home.trash / trashed.id
    try:
        (place / INSIDE).mkdir(parents=True)
        # Before anything moves: whatever moment the program ends at, it is known where everything belongs.
        write_atomically(place / RECORD, msgspec.json.format(msgspec.json.encode(trashed)))
        rename_all([(path, place / INSIDE / path.name) for path in unit.paths])
    except (OSError, ShelfError) as error:
        _remove_if_empty(place)
        if isinstance(error, OtherDisk):
            words = f"{unit.names[0]} is on another disk than the trash {home.trash}. Nothing was deleted."
            raise ShelfError(f"{words} Delete it with the system's file manager.") from error
        if isinstance(error, ShelfError):
            raise
        raise ShelfError(f"The trash {home.trash} can't be written ({error.strerror}). Nothing was deleted.") from error
    return trashed


def restore(trashed: Trashed, home: Home) -> Path:
    """Put it back to where it was; its place. Raises ShelfError; then it stays in the trash."""
    with one_at_a_time(home):
        return _restore(trashed, home)


def _restore(trashed: Trashed, home: Home) -> Path:
    place, folder = home.trash / trashed.id, Path(trashed.folder)
    pairs = [(place / INSIDE / name, folder / name) for name in trashed.names]
    # What was moved before the program was killed in the middle; the rest is still where it was.
    pairs = [(source, target) for source, target in pairs if os.path.lexists(source)]
    if not pairs:
        raise ShelfError(f"{trashed.name} is no longer in the trash.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ShelfError(
            f"{folder} can't be made again ({error.strerror}). {trashed.name} stays in the trash."
        ) from error
    rename_all(pairs)
    _remove_if_empty(place)
    return folder / trashed.name


def list_trash(home: Home) -> list[Trashed]:
    """What is in the trash, the youngest first. Raises OSError."""
    found = []
    for entry in visible(home.trash):
        place = Path(entry.path)
        try:
            trashed = msgspec.json.decode((place / RECORD).read_bytes(), type=Trashed)
        except (OSError, ValueError):
            continue  # not made by this program, or another one is at it now
        if trashed.id == entry.name and any(os.path.lexists(place / INSIDE / name) for name in trashed.names):
            found.append(trashed)
    return sorted(found, key=lambda trashed: -trashed.when)


def empty_trash(home: Home) -> int:
    """Delete for good what is in the trash; the bytes that were freed. Raises ShelfError."""
    _refuse_link(home.trash)
    freed = 0
    try:
        with one_at_a_time(home):
            for trashed in list_trash(home):
                # A link in it is deleted itself, never what it leads to.
                shutil.rmtree(home.trash / trashed.id)
                freed += trashed.size
    except OSError as error:
        raise ShelfError(f"The trash could not be emptied whole ({error.strerror}: {error.filename}).") from error
    return freed


def _refuse_link(trash: Path) -> None:
    if trash.is_symlink():
        raise ShelfError(f"{trash} is a link, and nothing is written behind links. Remove the link.")


def _remove_if_empty(place: Path) -> None:
    """The record and the folders, where nothing of the user's is in them."""
    try:
        (place / INSIDE).rmdir()
    except FileNotFoundError:
        pass  # it was never made
    except OSError:
        return  # something is in it
    (place / RECORD).unlink(missing_ok=True)
    if place.is_dir():
        place.rmdir()
