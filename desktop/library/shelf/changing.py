"""Renames and moves things of the library; notes, tags and favourites go with them."""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from desktop.library.adapter_notes import adapter_key, carry_notes
from desktop.library.home import Home
from desktop.library.recipes import RecipeError, checked_name
from desktop.library.runs.versions import run_of

from .copying import look, refuse_links_out
from .marks import carry_marks
from .problems import ShelfError, one_at_a_time
from .renaming import OtherDisk, rename_all
from .units import Unit, bytes_of, renamed, unit_of

Stop = Callable[[], bool]
"""Whether it should stop."""
SPARE = 32 << 20
"""Bytes that stay free on the disk."""


def rename(path: Path, name: str, home: Home) -> Path:
    """Give a thing of the home folder another name; where it is then. Raises ShelfError; it is then as before.

    A checkpoint of a run leaves the run by that, and is an adapter of its own.
    """
    with one_at_a_time(home):
        return _rename(path, name, home)


def _rename(path: Path, name: str, home: Home) -> Path:
    unit = unit_of(path, home)
    try:
        names = renamed(unit, checked_name(name, of="folder"))
    except RecipeError as error:
        raise ShelfError(str(error)) from error
    folder = home.loras if run_of(path, home) else unit.folder
    if folder == unit.folder and names == unit.names:
        return unit.paths[0]
    keys = [adapter_key(str(one)) for one in unit.paths]
    targets = [folder / one for one in names]
    _make(folder)
    rename_all(list(zip(unit.paths, targets, strict=True)))
    _carry(home, keys, targets)
    return targets[0]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ShelfError(f"{folder} can't be made ({error.strerror}). Nothing was changed.") from error


def move(path: Path, folder: Path, home: Home, stop: Stop) -> Path:
    """Move a thing of the home folder into another folder; where it is then. Raises ShelfError.

    To another disk it is copied, compared byte by byte and then deleted here; whatever goes wrong, and wherever it is
    stopped, it is still here.
    """
    with one_at_a_time(home):
        return _move(path, folder, home, stop)


def _move(path: Path, folder: Path, home: Home, stop: Stop) -> Path:
    unit = unit_of(path, home)
    if not folder.is_dir():
        raise ShelfError(f"{folder} is no folder. Choose another.")
    if any(one.is_symlink() for one in unit.paths):
        raise ShelfError(f"{unit.names[0]} is a link. Move what it leads to with the system's file manager.")
    if any(folder.resolve().is_relative_to(one.resolve()) for one in unit.paths):
        raise ShelfError(f"{folder} lies inside {unit.names[0]} itself. Choose another folder.")
    refuse_links_out(unit.paths)
    keys = [adapter_key(str(one)) for one in unit.paths]
    targets = [folder / one for one in unit.names]
    try:
        rename_all(list(zip(unit.paths, targets, strict=True)))
    except OtherDisk:
        _move_to_disk(unit, folder, stop)
    _carry(home, keys, targets)
    return targets[0]


def _move_to_disk(unit: Unit, folder: Path, stop: Stop) -> None:
    needed, free = bytes_of(unit.paths), shutil.disk_usage(folder).free
    if needed + SPARE > free:
        raise ShelfError(f"{unit.names[0]} needs {needed:,} bytes, and {free:,} are free in {folder}. Free some space.")
    beside = folder / f".moving-{secrets.token_hex(6)}"
    seen = look(unit.paths)
    try:
        beside.mkdir()
        for source in unit.paths:
            _copy(source, beside / source.name, stop)
        if look(unit.paths) != seen:
            raise ShelfError(f"{unit.names[0]} was changed while it was copied. It is still here; try again.")
        rename_all([(beside / name, folder / name) for name in unit.names])
    except OSError as error:
        raise ShelfError(f"{unit.names[0]} could not be copied ({error.strerror}). It is still here.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    try:
        for source in unit.paths:
            shutil.rmtree(source) if source.is_dir() else source.unlink()
    except OSError as error:
        raise ShelfError(
            f"{unit.names[0]} is whole in {folder}, but could not be deleted here ({error.strerror})."
        ) from error


def _copy(source: Path, target: Path, stop: Stop) -> None:
    """A folder or a file, its links as links, each file compared once it is there."""
    if stop():
        raise ShelfError(f"Stopped. {source.name} is still here.")
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir()
        for entry in sorted(source.iterdir()):
            _copy(entry, target / entry.name, stop)
        shutil.copystat(source, target)
    else:
        shutil.copy2(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())
        if not filecmp.cmp(source, target, shallow=False):
            raise ShelfError(f"The copy of {source.name} differs. Look at the disk. The original is still here.")


def _carry(home: Home, keys: list[str], targets: list[Path]) -> None:
    try:
        for key, target in zip(keys, targets, strict=True):
            new = adapter_key(str(target))
            if new != key:
                carry_notes(home.root, key, new)
                carry_marks(home.root, key, new)
    except OSError as error:
        raise ShelfError(
            f"It is now {targets[0]}, but its notes and tags could not be written ({error.strerror}: {error.filename})."
        ) from error
