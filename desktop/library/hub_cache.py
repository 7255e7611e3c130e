"""The cache of the Hugging Face hub's own library, where a further folder of the settings is one: read in place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from .home import Home
from .places import further_folders, visible
from .settings import Settings

_REPO = "models--"
_SNAPSHOTS = "snapshots"
_ADAPTER = "adapter_config.json"


class Cached(msgspec.Struct, frozen=True):
    """One repository, as its main branch was when it was fetched last."""

    name: str
    """As the hub calls it."""
    path: Path
    """The folder of its files, which are links into the cache."""
    is_adapter: bool


def cache_folders(home: Home, settings: Settings) -> list[Path]:
    """The further folders that are such a cache, or hold one in their folder `hub`."""
    found = []
    for folder in further_folders(home, settings):
        for place in (folder, folder / "hub"):
            try:
                if any(entry.name.startswith(_REPO) for entry in visible(place)):
                    found.append(place)
            except OSError:
                continue  # as a further folder it is told where models and adapters are listed
    return found


def list_cached(home: Home, settings: Settings) -> list[Cached]:
    """Every model repository of every cache that has files, by name."""
    return [one for folder in cache_folders(home, settings) for one in _repositories(folder)]


def find_cached(text: str, home: Home, settings: Settings, *, adapter: bool) -> Path | None:
    """What `user/name`, or `user/name/file`, means in a cache; None where it means nothing."""
    wanted = text.rstrip("/")
    for one in list_cached(home, settings):
        if one.is_adapter is adapter and (wanted == one.name or wanted.startswith(f"{one.name}/")):
            path = one.path / wanted[len(one.name) :].lstrip("/")
            if ".." not in path.parts and path.exists():
                return path
    return None


def cached_name(path: Path) -> str:
    """The hub's name of the repository whose files lie in this folder; empty where it is no folder of a cache."""
    repo = path.parent.parent.name
    if path.parent.name != _SNAPSHOTS or not repo.startswith(_REPO):
        return ""
    return repo.removeprefix(_REPO).replace("--", "/", 1)


def _repositories(folder: Path) -> Iterator[Cached]:
    for entry in visible(folder):
        place = Path(entry.path)
        if entry.name.startswith(_REPO) and (snapshot := _snapshot(place)) is not None:
            yield Cached(cached_name(snapshot), snapshot, (snapshot / _ADAPTER).is_file())


def _snapshot(repo: Path) -> Path | None:
    """The files of the branch main, else of the only commit there is."""
    try:
        entries = [Path(entry.path) for entry in visible(repo / _SNAPSHOTS)]
        ref = repo / "refs" / "main"
        commit = ref.read_text(encoding="ascii", errors="replace").strip() if ref.is_file() else ""
    except OSError:
        return None  # nothing of it can be used, and the cache is not ours to mend
    named = next((entry for entry in entries if entry.name == commit), None)
    return named or (entries[0] if len(entries) == 1 else None)
