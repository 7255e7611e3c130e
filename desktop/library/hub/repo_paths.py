"""Paths in a repository are a stranger's: which of them may become files, on every system alike."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from .problems import HubError

RECORD = ".lora-deck-download.json"
"""The file that tells what a folder was downloaded from; no repository may bring one."""
PARTS = ".lora-deck-parts"
"""The folder of files that have not come whole yet."""
LONGEST_NAME, LONGEST_PATH = 200, 240
"""Bytes of one name and of a whole path. File systems allow 255 bytes a name, Windows 260 characters a path."""

_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in (*"123456789", "¹", "²", "³")
}
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def refuse_hostile(paths: Iterable[str]) -> None:
    """Raise HubError for the first path that can't become a file below a folder, or that clashes with another."""
    seen: dict[str, tuple[str, bool]] = {}
    for path in paths:
        if words := fault(path):
            raise HubError("hostile", f"The repository holds a file {_shown(path)}, which {words}. It is refused.")
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            here = "/".join(parts[:end]), end == len(parts)
            other = seen.setdefault(unicodedata.normalize("NFC", here[0]).casefold(), here)
            # One folder may hold many files; all else that folds to the same name is one place on many disks.
            if other != here or (here[1] and other is not here):
                words = f"The repository holds both {_shown(other[0])} and {_shown(path)}"
                raise HubError("hostile", f"{words}, which are one place on many disks. It is refused.")


def fault(path: str) -> str:
    """What is wrong with a path of a repository, as in "which ..."; empty where nothing is."""
    if not path or path.startswith("/") or path.startswith("\\"):
        return "is not below the repository"
    if len(path.encode("utf-8", "surrogatepass")) > LONGEST_PATH:
        return "has too long a path"
    return next((words for part in path.split("/") if (words := _fault(part))), "")


def _fault(name: str) -> str:
    if name in ("", ".", ".."):
        return "leads out of its folder"
    if any(unicodedata.category(character) in ("Cc", "Cs") or character in _TURNING for character in name):
        return "has control characters in its name"
    if any(character in '\\:*?"<>|' for character in name):
        return "has characters in its name that not every system allows"
    if name[-1] in ". ":
        return "ends in a dot or a space"
    if name.split(".")[0].rstrip().casefold() in _DEVICES:
        return "has the name of a device"
    if len(name.encode()) > LONGEST_NAME:
        return "has too long a name"
    if unicodedata.normalize("NFC", name).casefold() in (RECORD, PARTS, ".git"):
        return "has a name that is kept for the program"
    return ""


def place_below(folder: Path, path: str, *, make: bool = True) -> Path:
    """Where a file of a repository goes; its folders are made if `make`.

    Raises HubError where a link would lead elsewhere, and OSError.
    """
    if words := fault(path):
        raise HubError("hostile", f"A file {_shown(path)} of the repository is refused: it {words}.")
    here = folder
    refuse_link(here)
    for part in path.split("/")[:-1]:
        here = here / part
        if make:
            here.mkdir(exist_ok=True)
        refuse_link(here)
    found = here / path.rpartition("/")[2]
    if found.is_symlink():
        raise HubError("hostile", f"{found} is a link. Nothing is written through links: remove it and try again.")
    return found


def refuse_link(folder: Path) -> None:
    """Raise HubError if a folder is a link, or no folder; OSError if it is not there."""
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise HubError("hostile", f"{folder} is a link or a file. Nothing is written through it: move it away.")


def _shown(path: str) -> str:
    text = path if len(path) <= 80 else f"{path[:77]}..."
    return repr(text)
