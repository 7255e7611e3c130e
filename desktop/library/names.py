"""From what the user typed to a model or an adapter on disk: a name in the library or any path."""

from __future__ import annotations

import hashlib
import math
import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath

from desktop.api import Lora

from .home import Home
from .hub_cache import cached_name, find_cached
from .places import adapter_folders, expanded, model_folders, unsendable, visible
from .runs.versions import find_version, version_name
from .settings import Settings

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
CONFIG = "adapter_config.json"


class NameNotFound(Exception):
    """What the user typed names nothing that can be used; the message says where was looked and what is close."""


def find_model(text: str, home: Home, settings: Settings) -> Path:
    """The folder or file of a base model, absolute. Raises NameNotFound.

    A name of the library comes first, in the home folder and then in the further ones; then the text counts as a path.
    `user/name` also finds the folder `user_name` a download makes. A text that starts with `./`, `../` or `~/`, that
    is absolute or has `..` in it is a path only, so that a name can't lead out of the library.
    """
    folders = model_folders(home, settings)
    found = _look_up(text, folders) or _cached(text, home, settings, adapter=False)
    if found is None:
        raise NameNotFound(_nothing_found("model", text, folders))
    return _usable(found)


def find_adapter(text: str, home: Home, settings: Settings) -> Path:
    """The folder of an adapter, absolute, by the same rules. A file inside it names it too. Raises NameNotFound."""
    folders = adapter_folders(home, settings)
    found = _look_up(text, folders) or _cached(text, home, settings, adapter=True)
    if found is None:
        raise NameNotFound(_nothing_found("adapter", text, folders))
    return _adapter_folder(found)


def adapter_row(text: str, home: Home, settings: Settings) -> Lora:
    """A row with weight 1 for the adapter that `find_adapter` finds. Raises NameNotFound."""
    path = find_adapter(text, home, settings)
    return Lora(id=make_row_id(path), name=_display_name(path, adapter_folders(home, settings)), path=str(path))


def parse_loras(texts: Sequence[str], home: Home, settings: Settings) -> tuple[Lora, ...]:
    """The stack that a list of `NAME[=WEIGHT]` means, in its order. Raises NameNotFound."""
    rows: list[Lora] = []
    folders = adapter_folders(home, settings)
    for text in texts:
        path, weight = _path_and_weight(text, home, settings)
        row_id = make_row_id(path, [row.id for row in rows])
        rows.append(Lora(id=row_id, name=_display_name(path, folders), path=str(path), weight=weight))
    return tuple(rows)


def make_row_id(path: Path, taken: Collection[str] = ()) -> str:
    """A `Lora.id` for an adapter that is not among those taken; the same path gets the same one."""
    # Letters, digits and "_" only, and too long to be part of a name PEFT keeps for itself ("lora_", "base_layer").
    number = 0
    while True:
        text = os.fsencode(path) + (b"\0%d" % number if number else b"")
        row_id = f"ad_{hashlib.sha256(text).hexdigest()[:10]}"
        if row_id not in taken:
            return row_id
        number += 1


def adapter_name(path: Path, home: Home, settings: Settings) -> str:
    """What an adapter is called: its place in the library's folders, else its folder's own name."""
    return _display_name(path, adapter_folders(home, settings))


def _display_name(path: Path, folders: Sequence[Path]) -> str:
    inside = next((folder for folder in folders if path != folder and path.is_relative_to(folder)), None)
    return path.relative_to(inside).as_posix() if inside else _elsewhere(path)


def _elsewhere(path: Path) -> str:
    return cached_name(path) or version_name(path) or path.name or str(path)


def _path_and_weight(text: str, home: Home, settings: Settings) -> tuple[Path, float]:
    """An adapter whose name is the whole text comes first; else the text is split at its last "="."""
    folders = adapter_folders(home, settings)
    whole = _look_up(text, folders) or _cached(text, home, settings, adapter=True)
    name, equals, number = text.rpartition("=")
    if whole is not None and (not equals or whole.is_file() or _exists(whole / CONFIG)):
        return _adapter_folder(whole), 1.0
    if not name:
        return find_adapter(text, home, settings), 1.0
    part = _look_up(name, folders) or _cached(name, home, settings, adapter=True)
    if part is not None and is_weight(number):
        return _adapter_folder(part), float(number)
    if whole is not None:
        return _adapter_folder(whole), 1.0
    if part is None:
        raise NameNotFound(_nothing_found("adapter", name if is_weight(number) else text, folders))
    hint = f" Write {number.replace(',', '.')}." if is_weight(number.replace(",", ".")) else ""
    raise NameNotFound(
        f'{number!r} in {text!r} is no weight: after the last "=" stands a finite number, such as {name}=0.5, and no '
        f"adapter is called {text!r}.{hint}"
    )


def is_weight(text: str) -> bool:
    """Whether a text is a finite number as a weight is written."""
    # Not float() alone: that also reads "1_0", "nan" and the digits of every script.
    return _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def _look_up(text: str, folders: Sequence[Path]) -> Path | None:
    stripped = text.rstrip("/" + os.sep) or text
    if not text:
        return None
    if not _is_path_only(text):
        for folder in folders:
            for name in dict.fromkeys((stripped, re.sub(r"[/:]", "_", stripped))):
                if (found := _walk(folder, PurePath(name).parts)) is not None:
                    return found
    path = expanded(text).absolute()
    found_path = _walk(Path(path.anchor), path.parts[1:])
    # Not lexically: behind a link ".." is the folder above the link's target.
    return found_path.resolve() if found_path is not None and ".." in found_path.parts else found_path


def _cached(text: str, home: Home, settings: Settings, *, adapter: bool) -> Path | None:
    """In the caches of the hub, and for an adapter among the checkpoints of the runs."""
    if not text or _is_path_only(text):
        return None
    found = find_cached(text, home, settings, adapter=adapter)
    return find_version(text, home) if found is None and adapter else found


def _is_path_only(text: str) -> bool:
    path = PurePath(text)
    starts = tuple(start + slash for start in (".", "..", "~") for slash in {"/", os.sep})
    return bool(path.anchor) or not path.parts or ".." in path.parts or text.startswith(starts)


def _walk(folder: Path, parts: Sequence[str]) -> Path | None:
    """The path below a folder, each part spelled as the disk has it: composed and decomposed accents are one name."""
    here = folder
    for position, part in enumerate(parts):
        if _exists(here.joinpath(*parts[position:])):
            return here.joinpath(*parts[position:])
        if not _exists(here / part):
            wanted = unicodedata.normalize("NFC", part)
            names = [] if part.isascii() else _names(here)
            twin = next((name for name in names if unicodedata.normalize("NFC", name) == wanted), None)
            if twin is None:
                return None
            part = twin
        here = here / part
    return here if _exists(here) else None


def _exists(path: Path) -> bool:
    try:
        path.stat()
    # ValueError: a NUL in the text. OSError: also a name that is too long, and links in a circle.
    except (OSError, ValueError):
        return False
    return True


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in visible(folder)]
    except OSError:
        return []  # Without permission to list a folder, only the very spelling of a name inside finds it.


def _usable(path: Path) -> Path:
    if problem := unsendable(path):
        raise NameNotFound(f"{path.name!r} can't be used. {problem}")
    return path


def _adapter_folder(path: Path) -> Path:
    if path.is_file():
        if not (path.parent / CONFIG).is_file():
            raise NameNotFound(f"{path.name!r} is a file. An adapter is a folder with {CONFIG} and its weights inside.")
        path = path.parent
    return _usable(path)


def _nothing_found(kind: str, text: str, folders: Sequence[Path]) -> str:
    if not text:
        return f"The name of the {kind} is empty. Give a name of the library or a path."
    looked = "" if _is_path_only(text) else " in " + ", ".join(str(folder) for folder in folders) + " and"
    path = str(expanded(text).absolute())
    sentence = f"There is no {kind} {text!r}. Looked{looked} at the path {path!r}."
    by_lower: dict[str, str] = {}
    for folder in folders:
        try:
            by_lower.update({entry.name.lower(): entry.name for entry in visible(folder)})
        except OSError as error:
            return f"{sentence} {str(folder)!r} can't be read ({error.strerror})."
    import difflib

    close = difflib.get_close_matches(text.lower(), by_lower, n=3, cutoff=0.5)
    close += [lower for lower in by_lower if text.lower() in lower and lower not in close]
    if close:
        return f"{sentence} Close names: {', '.join(repr(by_lower[lower]) for lower in close[:3])}."
    if not by_lower:
        return f"{sentence} The library holds no {kind}s yet."
    return f"{sentence} `lora-deck {kind}s` lists what is there."
