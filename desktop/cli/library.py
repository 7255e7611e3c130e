"""`lora-deck models` and `lora-deck adapters`: what is in the library, whole or broken."""

from __future__ import annotations

import argparse
import unicodedata
from collections.abc import Sequence
from typing import Any

from desktop.library.adapters import AdapterEntry, list_adapters
from desktop.library.home import Home
from desktop.library.hub_cache import cache_folders
from desktop.library.linked import read_linked
from desktop.library.models import ModelEntry, list_models
from desktop.library.places import adapter_folders, further_folders, is_folder, model_folders, printable
from desktop.library.settings import Settings, read_settings_file

from .output import plain, put, put_json, say

_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_LONGEST = 32
"""Characters of a cell that could be any length; names are never cut, because they are typed."""


def register(commands: Any) -> None:
    """Add both commands to the parser."""
    for name, handler, words in (
        ("models", run_models, "the base models"),
        ("adapters", run_adapters, "the LoRA adapters"),
    ):
        parser: argparse.ArgumentParser = commands.add_parser(
            name,
            help=f"list {words}",
            description=f"List {words} in the home folder and in the further folders of the settings. What is "
            "incomplete or broken is listed with the reason.",
        )
        parser.set_defaults(run=handler)
        parser.add_argument("--json", action="store_true", help="print one JSON object")


def run_models(args: argparse.Namespace) -> int:
    """List the base models; a broken one is part of the list and no failure of the listing."""
    home, settings = _home(args)
    models = list_models(home, settings)
    if args.json:
        put_json({"models": models, "folders": [printable(folder) for folder in model_folders(home, settings)]})
        return 0
    _tell_missing_folders(home, settings)
    if not models:
        say(f"No models yet. Put one into {plain(str(home.models))}, or try the starter model (93 MB to download):")
        say('  lora-deck generate --model starter --prompt "Where is the treasure?"')
        return 0
    heads = ("NAME", "FORMAT", "ARCHITECTURE", "PARAMETERS", "BITS", "SIZE")
    put_table(heads, [_model_row(model) for model in models], [model.problem for model in models])
    return 0


def run_adapters(args: argparse.Namespace) -> int:
    """List the adapters; a broken one is part of the list and no failure of the listing."""
    home, settings = _home(args)
    adapters = list_adapters(home, settings)
    if args.json:
        put_json({"adapters": adapters, "folders": [printable(folder) for folder in adapter_folders(home, settings)]})
        return 0
    _tell_missing_folders(home, settings)
    if not adapters:
        say(f"No adapters yet. Put one into {plain(str(home.loras))}, a folder each, or try the one that comes along:")
        say('  lora-deck generate --model starter --lora pirate --prompt "Where is the treasure?"')
        return 0
    heads = ("NAME", "KIND", "RANK", "ALPHA", "TARGETS", "BASE MODEL", "FILE", "SIZE")
    put_table(heads, [_adapter_row(adapter) for adapter in adapters], [adapter.problem for adapter in adapters])
    return 0


def _model_row(model: ModelEntry) -> tuple[str, ...]:
    return (
        model.name,
        model.format or "?",
        _cut(model.architecture),
        _in_millions(model.parameters) if model.parameters else "",
        f"{model.bits:g}" if model.bits else "",
        in_units(model.size) if model.size else "",
    )


def _adapter_row(adapter: AdapterEntry) -> tuple[str, ...]:
    return (
        adapter.name,
        adapter.kind or "?",
        str(adapter.rank or ""),
        f"{adapter.alpha:g}" if adapter.alpha else "",
        _cut(" ".join(target.removesuffix("_proj") for target in adapter.target_modules)),
        _cut(adapter.base_model),
        adapter.file,
        in_units(adapter.size) if adapter.size else "",
    )


def in_units(size: int) -> str:
    """A number of bytes for people, in powers of ten as disks are sold."""
    for factor, unit in _UNITS:
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def _in_millions(count: int) -> str:
    """As models are named: 135M, 6.7B."""
    return f"{count / 1e9:.1f}B" if count >= 999_500_000 else f"{count / 1e6:.3g}M"


def put_table(heads: Sequence[str], rows: Sequence[Sequence[str]], problems: Sequence[str]) -> None:
    """Aligned columns; what is wrong with a row stands on a line of its own below it."""
    shown = [[plain(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(_width(row[column]) for row in shown) for column in range(len(heads))]
    lines = []
    for row, problem in zip(shown, ("", *problems), strict=True):
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
        lines += [f"    can't be used: {plain(problem)}"] if problem else []
    put("\n".join(lines))


def _width(text: str) -> int:
    """Columns on a terminal: an accent of its own takes none, an ideogram and most emoji take two."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _tell_missing_folders(home: Home, settings: Settings) -> None:
    caches = cache_folders(home, settings)
    for folder in further_folders(home, settings):
        if folder in caches or folder / "hub" in caches:
            continue
        if not any(is_folder(folder / name) for name in (home.models.name, home.loras.name)):
            say(f"The further folder {plain(str(folder))} is not there, or has neither models nor loras inside.")
    for folder in read_linked(home):
        if not is_folder(folder):
            say(f"{plain(str(folder))} is not there now. What it holds is listed again as soon as it is back.")


def _home(args: argparse.Namespace) -> tuple[Home, Settings]:
    home = Home.find(args.home)
    return home, read_settings_file(home.settings_file)
