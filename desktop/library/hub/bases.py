"""The base model that an adapter names: its other names, whether the library has it, where to get it."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from desktop.library.home import Home
from desktop.library.hub_cache import cached_name, list_cached
from desktop.library.places import model_folders, visible
from desktop.library.settings import Settings

from .problems import HubError
from .record import read_record
from .source import parse_source

_REPACKED = re.compile(r"(-unsloth)?-bnb-4bit$|-(GPTQ|AWQ|GGUF)$", re.IGNORECASE)
"""What repacks of a model in fewer bits append to its name; an adapter trained on one fits the model itself."""


class _Known(msgspec.Struct, frozen=True):
    gone: tuple[str, ...]
    same: tuple[tuple[str, ...], ...]


class Base(msgspec.Struct, frozen=True):
    """A base model by the name an adapter gives it."""

    named: str
    gone: bool
    """Whether the hub no longer has it under that name."""
    here: str
    """The library's name for it; empty where it is not there."""
    sources: tuple[str, ...]
    """Where it can be had, the best first; empty where the name is no name of the hub."""


def find_base(named: str, home: Home, settings: Settings) -> Base:
    """What is known of it; no network is asked."""
    names = known_names(named)
    gone = {name for name in names if name.partition("/")[0] in _known().gone}
    # The name it was given comes first, where it may still be had.
    sources = [name for name in dict.fromkeys((named, *names)) if name not in gone and _is_source(name)]
    return Base(named, named in gone, _look(names, home, settings), tuple(sources))


def known_names(named: str) -> tuple[str, ...]:
    """Every name of the same base, the given one among them, the best to fetch first."""
    for name in dict.fromkeys((named, _REPACKED.sub("", named))):
        for group in _known().same:
            if name.casefold() in map(str.casefold, group):
                return tuple(dict.fromkeys((*group, name, named)))
    return tuple(dict.fromkeys((_REPACKED.sub("", named), named)))


def names_of_model(path: Path) -> tuple[str, ...]:
    """What the hub calls a model on the disk, under every name it is known by; empty where nothing says so.

    The record of its download says it, else its folder's name, `user_name`.
    """
    if name := cached_name(path):
        return known_names(name)
    record = read_record(path)
    if record is not None:
        return tuple(dict.fromkeys((*known_names(record.repo), *known_names(record.asked))))
    wanted = path.name.casefold()
    for group in _known().same:
        if any(wanted in (name.replace("/", "_").casefold(), name.rpartition("/")[2].casefold()) for name in group):
            return group
    user, underscore, name = path.name.partition("_")
    return known_names(f"{user}/{name}") if underscore and _is_source(f"{user}/{name}") else ()


def _look(names: tuple[str, ...], home: Home, settings: Settings) -> str:
    """By what a folder was downloaded from, else by its name: `user_name`, `user/name`, or `name` alone."""
    wanted = {name.casefold() for name in names}
    spelled = {name.replace("/", "_") for name in wanted} | {name.rpartition("/")[2] for name in wanted}
    for folder in model_folders(home, settings):
        try:
            entries = visible(folder)
        except OSError:
            continue  # `lora-deck models` tells of it
        for entry in entries:
            record = read_record(Path(entry.path))
            if record is not None and {record.repo.casefold(), record.asked.casefold()} & wanted:
                return entry.name
            if record is None and entry.name.casefold() in spelled:
                return entry.name
    cached = (one.name for one in list_cached(home, settings) if not one.is_adapter)
    return next((name for name in cached if name.casefold() in wanted), "")


def _is_source(name: str) -> bool:
    try:
        parse_source(name)
    except HubError:
        return False
    return "/" in name and not Path(name).is_absolute() and ":" not in name


@cache
def _known() -> _Known:
    return msgspec.toml.decode(files(__package__).joinpath("known_bases.toml").read_bytes(), type=_Known)
