"""Where models and adapters are kept: the home folder's own places first, then the further ones of the settings."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from . import linked
from .home import Home
from .settings import Settings

LFS_POINTER = b"version https://git-lfs"
"""How the small text begins that git leaves in the place of a large file it did not fetch."""
LFS_LIMIT = 1024
"""Pointers are smaller than this, weights are not."""


def model_folders(home: Home, settings: Settings) -> list[Path]:
    """The folders that hold base models, in the order in which a name is looked up."""
    return _folders(home, home.models, settings, linked.MODELS)


def adapter_folders(home: Home, settings: Settings) -> list[Path]:
    """The folders that hold adapters, in the order in which a name is looked up."""
    return _folders(home, home.loras, settings, linked.LORAS)


def dataset_folders(home: Home, settings: Settings) -> list[Path]:
    """The folders that hold datasets, in the order in which a name is looked up."""
    return _folders(home, home.datasets, settings, linked.DATASETS)


def format_folders(home: Home, settings: Settings) -> list[Path]:
    """The folders that hold `%key%` formats, in the order in which a name is looked up."""
    return _folders(home, home.formats, settings, linked.FORMATS)


def further_folders(home: Home, settings: Settings) -> list[Path]:
    """The further folders of the settings; a relative one counts from the home folder."""
    return [home.root / expanded(text) for text in settings.folders]


def expanded(text: str) -> Path:
    """The text as a path, with `~` as the user's folder; a `~name` that belongs to nobody stays as it is."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def visible(folder: Path) -> list[os.DirEntry[str]]:
    """What stands in a folder, by name, hidden things left out; nothing where there is no folder. Raises OSError."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_folder(path: Path) -> bool:
    """Whether a folder can be read there; one behind a missing permission is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def printable(path: Path | str) -> str:
    """The path as text that can be sent and printed, also where its name is no valid UTF-8."""
    return str(path).encode("utf-8", "replace").decode()


def unsendable(path: Path | str) -> str:
    """Why a path can't be handed to an engine, empty where it can: JSON and messages hold valid Unicode only."""
    if printable(path) == str(path):
        return ""
    return "Its name is not valid UTF-8, so no loader can be told of it. Rename it."


def is_lfs_pointer(path: Path, size: int) -> bool:
    """Whether a file of that size is only git's note of where the weights are. Raises OSError."""
    if size >= LFS_LIMIT:
        return False
    with path.open("rb") as file:
        return file.read(len(LFS_POINTER)) == LFS_POINTER


def unreadable_in_words(path: Path, error: OSError) -> str:
    """Why something that is listed can't be read, and what to do."""
    if error.errno == errno.ELOOP:
        return "It is a link that leads in a circle. Mend or remove the link."
    if error.errno == errno.ENOENT and path.is_symlink():
        return f"It is a link to {printable(path.readlink())}, where nothing is. Mend or remove the link."
    return f"It can't be read ({error.strerror}). Look at its permissions."


def _folders(home: Home, own: Path, settings: Settings, parts: tuple[str, ...]) -> list[Path]:
    """The home folder's own, those in the further folders, and `parts` of what is used in place."""
    found = [own]
    seen = {os.path.realpath(own)}
    further = [folder / own.name for folder in further_folders(home, settings)]
    for folder in (*further, *linked.linked_folders(home, parts)):
        # The home folder may be listed as a further one, or two of them may be links to the same place.
        if (real := os.path.realpath(folder)) not in seen:
            seen.add(real)
            found.append(folder)
    return found
