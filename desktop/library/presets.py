"""Presets of sampling: `presets/*.toml`, of which each holds only what differs from the defaults."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from desktop.api import Sampling

from .places import printable
from .prompt_files import PromptFileError, delete_file, list_files, read_text, safe_name, write_text

SUFFIX = ".toml"


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A way of sampling under a name."""

    name: str
    sampling: Sampling = Sampling()
    shipped: bool = False
    """Whether it comes along with the program."""
    problem: str = ""
    """Why it can't be used; empty where it can."""
    file: str = ""
    """The file of another program it is read from, and never written to; empty for any other."""
    note: str = ""
    """What of that file has no counterpart here, in a sentence."""


SHIPPED = (
    Preset(name="Precise", sampling=Sampling(temperature=0.3, top_p=0.8, top_k=20), shipped=True),
    Preset(
        name="Creative",
        sampling=Sampling(temperature=1.1, top_p=1.0, top_k=0, min_p=0.05, dry_multiplier=0.8),
        shipped=True,
    ),
    Preset(name="Deterministic", sampling=Sampling(greedy=True), shipped=True),
)
NAMES = tuple(preset.name for preset in SHIPPED)


def read_presets(folder: Path) -> tuple[Preset, ...]:
    """Those that come along, then the user's by name; a damaged one with what is wrong. Raises PromptFileError."""
    return (*SHIPPED, *(_read(path) for path in list_files(folder, SUFFIX)))


def save_preset(folder: Path, name: str, sampling: Sampling) -> str:
    """Write a preset under a name, in the place of one of that name; the name. Raises PromptFileError."""
    name = safe_name(name, NAMES)
    write_text(folder / f"{name}{SUFFIX}", tomli_w.dumps(changed(sampling)))
    return name


def delete_preset(folder: Path, name: str) -> None:
    """Delete a preset. Raises PromptFileError."""
    delete_file(folder / f"{safe_name(name, NAMES)}{SUFFIX}")


def changed(sampling: Sampling) -> dict[str, Any]:
    """The values that are not the defaults."""
    usual, values = msgspec.structs.asdict(Sampling()), msgspec.to_builtins(sampling)
    return {name: value for name, value in values.items() if getattr(sampling, name) != usual[name]}


def _read(path: Path) -> Preset:
    name = printable(path.name.removesuffix(SUFFIX))
    try:
        safe_name(name, NAMES)
        return Preset(name=name, sampling=msgspec.convert(tomllib.loads(read_text(path)), Sampling))
    except PromptFileError as error:
        return Preset(name=name, problem=str(error))
    except (ValueError, RecursionError) as error:  # msgspec's and tomllib's errors are ValueErrors
        return Preset(name=name, problem=f"{printable(path.name)} is no preset or a damaged one ({error}).")
