"""Finds things that are there twice, by their bytes; and says what the home folder takes of the disk."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from desktop.api import LoaderError
from desktop.library.home import Home
from desktop.library.identity import HashStopped, weights_hash

from .items import Item
from .trash import list_trash
from .units import bytes_of

Stop = Callable[[], bool]


class DiskUse(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes, by what they are for."""

    models: int = 0
    adapters: int = 0
    runs: int = 0
    trash: int = 0
    free: int = 0
    """What the disk has left."""


def find_duplicates(items: Sequence[Item], hash_of: Callable[[Path], str], stop: Stop) -> list[tuple[Item, ...]]:
    """The same adapter or the same weights in several places, the largest first; links to one place are one.

    Only what has the same size is read. Raises HashStopped once `stop` says so.
    """
    found = [
        same
        for alike in _alike(items, lambda item: (item.kind, item.size))
        for same in _alike(alike, lambda item: _hash(item, hash_of, stop))
    ]
    return sorted(map(tuple, found), key=lambda same: -same[0].size)


def disk_use(home: Home) -> DiskUse:
    """What the home folder takes; links and what is behind them count as nothing. Raises OSError."""
    root = next(folder for folder in (home.root, *home.root.parents) if folder.is_dir())
    return DiskUse(
        models=bytes_of((home.models,)),
        adapters=bytes_of((home.loras,)),
        runs=bytes_of((home.runs,)),
        trash=sum(trashed.size for trashed in list_trash(home)),
        free=shutil.disk_usage(root).free,
    )


def _alike(items: Iterable[Item], key: Callable[[Item], object]) -> list[list[Item]]:
    """Those that share a key and lie in different places; without a key an item is like no other."""
    groups: dict[object, dict[str, Item]] = defaultdict(dict)
    for item in items:
        if item.size and not item.problem and (value := key(item)):
            groups[value].setdefault(str(Path(item.path).resolve()), item)
    return [list(group.values()) for group in groups.values() if len(group) > 1]


def _hash(item: Item, hash_of: Callable[[Path], str], stop: Stop) -> str:
    def tell(_: float) -> None:
        if stop():
            raise HashStopped

    tell(0)
    try:
        return hash_of(Path(item.path)) if item.kind == "adapter" else weights_hash(Path(item.path), tell)
    except LoaderError:
        return ""  # it has gone or can't be read: then nobody knows
