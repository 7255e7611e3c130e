"""What of the disk belongs to a thing of the library, and whether it may be changed at all."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from desktop.library.formats import WEIGHTS
from desktop.library.home import Home
from desktop.library.runs.versions import run_of

from .problems import ShelfError

_PART = re.compile(r"^(?P<stem>.+)(?P<number>-\d{5}-of-\d{5})(?P<suffix>\.gguf)$", re.IGNORECASE)


class Unit(msgspec.Struct, frozen=True):
    """A folder, a file, or the parts of a split file; all of them stand in one folder of the home."""

    kind: str
    """"model" or "adapter"."""
    folder: Path
    """What they stand in."""
    names: tuple[str, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where they are."""
        return tuple(self.folder / name for name in self.names)


def unit_of(path: Path, home: Home) -> Unit:
    """What is renamed, moved or deleted together. Raises ShelfError for what is not the home folder's own."""
    kind, root = _root_of(path, home)
    _refuse_links_above(path, home.root)
    if not os.path.lexists(path):
        raise ShelfError(f"{path.name} is no longer there. Read the library again.")
    if path.is_dir():
        return Unit(kind, path.parent, (path.name,))
    names = tuple(sorted(file.name for file in path.parent.iterdir() if _same_split(file.name, path.name)))
    if path.parent != root and _are_all_weights(path.parent, names):
        return Unit(kind, path.parent.parent, (path.parent.name,))
    return Unit(kind, path.parent, names)


def renamed(unit: Unit, name: str) -> tuple[str, ...]:
    """What its parts are called when the whole gets another name; a file keeps its ending."""
    if (unit.folder / unit.names[0]).is_dir():
        return (name,)
    suffix = Path(unit.names[0]).suffix
    stem = name[: -len(suffix)] if suffix and name.lower().endswith(suffix.lower()) else name
    parts = (_PART.match(one) for one in unit.names)
    return tuple(f"{stem}{part['number'] if part else ''}{suffix}" for part in parts)


def bytes_of(paths: tuple[Path, ...]) -> int:
    """Bytes of files and of all files below folders; links count as nothing."""
    total = 0
    for path in paths:
        if path.is_symlink():
            continue
        if path.is_dir():
            with os.scandir(path) as entries:
                total += bytes_of(tuple(Path(entry.path) for entry in entries))
        elif path.is_file():
            total += path.stat().st_size
    return total


def _root_of(path: Path, home: Home) -> tuple[str, Path]:
    for kind, root in (("model", home.models), ("adapter", home.loras)):
        if path != root and path.is_relative_to(root) and ".." not in path.parts:
            return kind, root
    if run_of(path, home):
        return "adapter", path.parent
    raise ShelfError(
        f"{path.name} lies in {path.parent}, outside the program's own folder, and is only read there. "
        "Change it with the system's file manager."
    )


def _refuse_links_above(path: Path, root: Path) -> None:
    for above in path.parents:
        if above == root:
            return
        if above.is_symlink():
            raise ShelfError(
                f"{above} is a link to {above.readlink()}, and what lies behind links is only read. "
                "Change it with the system's file manager."
            )


def _same_split(name: str, wanted: str) -> bool:
    part, other = _PART.match(name), _PART.match(wanted)
    if part is None or other is None:
        return name == wanted
    return part["stem"] == other["stem"]


def _are_all_weights(folder: Path, names: tuple[str, ...]) -> bool:
    """Whether a folder holds no other weights, nor a folder: then it is theirs."""
    others = [entry for entry in folder.iterdir() if entry.name not in names and entry.name[0] != "."]
    return not any(entry.is_dir() or entry.suffix.lower() in WEIGHTS for entry in others)
