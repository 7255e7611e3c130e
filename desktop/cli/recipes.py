"""`lora-deck recipes`: the saved recipes, whole or damaged."""

from __future__ import annotations

import argparse
from typing import Any

from desktop.library.home import Home
from desktop.library.recipes import RecipeEntry, RecipeError, list_recipes

from .output import CommandError, plain, put, put_json, say


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "recipes",
        help="list the saved recipes",
        description="List the recipes in the home folder. `lora-deck generate --recipe NAME` makes the reply of one "
        "again. What is damaged is listed with the reason.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """List the recipes; a damaged one is part of the list and no failure of the listing."""
    folder = Home.find(args.home).recipes
    try:
        entries = list_recipes(folder)
    except RecipeError as error:
        raise CommandError(str(error)) from error
    if args.json:
        put_json({"recipes": entries, "folder": str(folder)})
    elif not entries:
        say(f"No recipes yet in {plain(str(folder))}. The window saves them, from a reply or from the present stack.")
    for entry in () if args.json else entries:
        put(plain(_line(entry)))
        if entry.problem:
            put(f"    can't be used: {plain(entry.problem)}")
    return 0


def _line(entry: RecipeEntry) -> str:
    made = " + ".join((entry.base, *entry.adapters)) if entry.base else ""
    parts = (entry.name, made, "with a reply" if entry.has_reply else "")
    return "  ".join(part for part in parts if part)
