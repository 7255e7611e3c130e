"""`lora-deck inspect`: what an adapter is, and whether it fits a model, without loading either."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from desktop.library.conversions import find_conversion
from desktop.library.fit import Fit, FitJudge
from desktop.library.home import Home
from desktop.library.inspection import Inspection, inspect_adapter
from desktop.library.inspection_words import in_words
from desktop.library.names import NameNotFound, adapter_name, find_adapter, find_model
from desktop.library.places import printable
from desktop.library.settings import Settings, read_settings_file
from desktop.starter.install import install_named

from .output import CommandError, plain, put, put_json, say

_LABELS = {
    "base": "base model", "file": "weights", "hash": "sha256", "peft": "PEFT", "card base": "card names",
}  # fmt: skip
"""What the name of a fact alone would not say."""
_VERDICTS = {"fits": "fits", "misfit": "does not fit", "unknown": "unknown"}


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "inspect",
        help="say what an adapter is, and whether it fits a model",
        description="Say what an adapter is: its rank, alpha and scaling, the modules and layers it acts on, the base "
        "it names, its parameters, files, hash and version of PEFT, and what the files beside it tell of its training. "
        "Nothing is loaded and nothing in its files is executed, also of a .bin.",
        epilog="The exit status is 0 if the adapter is whole, and 1 if it is broken, which standard error tells, or "
        "does not fit the model. What could be read is printed all the same. A verdict that is unknown is no failure.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "adapter", metavar="ADAPTER", help="an adapter of the library, any path, `pirate` or `telegram`"
    )
    parser.add_argument(
        "--against", metavar="MODEL", help="compare it with a model of the library or of any path, by their shapes"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the facts; 1 where the adapter is broken or does not fit."""
    home = Home.find(args.home)
    settings = read_settings_file(home.settings_file)
    install_named(home.loras, [args.adapter])
    try:
        folder = find_adapter(args.adapter, home, settings)
        model = _find_model(args.against, home, settings) if args.against is not None else None
    except NameNotFound as error:
        raise CommandError(str(error)) from error
    found = inspect_adapter(folder, adapter_name(folder, home, settings))
    fit = FitJudge().judge(folder, model) if model is not None else None
    if args.json:
        put_json(_as_object(found, model, fit))
    else:
        put(_as_block(found, fit))
    for sentence in found.notes:
        say(plain(sentence))
    for problem in found.problems:
        say(f"lora-deck: {plain(found.name)} can't be used: {plain(problem)}")
    return 1 if found.problems or (fit is not None and fit.verdict == "misfit") else 0


def _find_model(text: str, home: Home, settings: Settings) -> Path:
    path = find_model(text, home, settings)
    return (find_conversion(home.models, path) if path.suffix.lower() == ".gguf" else None) or path


def _as_object(found: Inspection, model: Path | None, fit: Fit | None) -> dict[str, Any]:
    against = {"model": printable(str(model)), **msgspec.structs.asdict(fit)} if fit else None
    return {**msgspec.structs.asdict(found), "against": against}


def _as_block(found: Inspection, fit: Fit | None) -> str:
    """One fact a line, the values below each other."""
    rows = {"name": found.name}
    rows |= {_LABELS.get(name, name): value for name, value in in_words(found).items()}
    rows["folder"] = found.path
    if fit is not None:
        rows["verdict"] = _VERDICTS[fit.verdict] + (f": {fit.reason}" if fit.reason else "")
    width = max(map(len, rows))
    return "\n".join(f"{label:{width}}  {plain(value)}" for label, value in rows.items())
