"""Folders of text-generation-webui that are used in place: which ones, and where their parts lie."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from .atomic import set_aside, write_atomically
from .home import Home

DATA = "user_data"
"""The folder inside the program's own that holds the user's things in its newer layout."""
MODELS = ("models",)
LORAS = ("loras",)
DATASETS = ("training/datasets",)
FORMATS = ("training/formats",)
PRESETS = ("presets",)
TEMPLATES = ("instruction-templates", "characters/instruction-following")
"""The second is where they lay first."""
PARTS = (*MODELS, *LORAS, *DATASETS, *FORMATS, *PRESETS, *TEMPLATES)


def read_linked(home: Home) -> tuple[Path, ...]:
    """The folders, absolute, in the order in which they were added. A damaged list counts as empty."""
    try:
        texts = msgspec.json.decode(home.linked.read_bytes(), type=tuple[str, ...])
    except (OSError, ValueError):  # msgspec's errors are ValueErrors; `check_linked` tells it
        return ()
    return tuple(path for text in texts if (path := Path(text)).is_absolute())


def check_linked(home: Home) -> str:
    """What is wrong with the list, in words; empty where nothing is."""
    try:
        msgspec.json.decode(home.linked.read_bytes(), type=tuple[str, ...])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        return f"{home.linked} can't be read ({error}), so no folder in it is used. Add the folders again."
    return ""


def link_folder(home: Home, folder: Path) -> None:
    """Use a folder in place from now on. Raises OSError. A damaged list is kept beside the new one."""
    linked = read_linked(home)
    if folder in linked:
        return
    if check_linked(home):
        set_aside(home.linked)
    _write(home, (*linked, folder))


def unlink_folder(home: Home, folder: Path) -> bool:
    """Use it no more; nothing in it is touched. False if it was not used. Raises OSError."""
    linked = read_linked(home)
    left = tuple(one for one in linked if one != folder)
    if left == linked:
        return False
    _write(home, left)
    return True


def data_folders(root: Path) -> tuple[Path, ...]:
    """Where a folder's parts lie: in it, in its `user_data`, or in both after an update of that program.

    A folder that is not there counts as one whose parts lie in it.
    """
    found = tuple(place for place in (root, root / DATA) if any(_is_folder(place / part) for part in PARTS))
    return found or (root,)


def linked_folders(home: Home, parts: tuple[str, ...]) -> list[Path]:
    """The folders of one part in everything that is used in place, there or not."""
    return [place / part for root in read_linked(home) for place in data_folders(root) for part in parts]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _write(home: Home, folders: tuple[Path, ...]) -> None:
    texts = [os.fspath(folder) for folder in folders]
    write_atomically(home.linked, msgspec.json.format(msgspec.json.encode(texts)))
