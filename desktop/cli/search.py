"""`lora-deck search`: models and adapters on the hub, and which adapters fit a model of the library."""

from __future__ import annotations

import argparse
from typing import Any

from desktop.library.conversions import find_conversion
from desktop.library.home import Home
from desktop.library.hub.bases import names_of_model
from desktop.library.hub.events import Failed, Hit, Results, Search, Waiting
from desktop.library.hub.worker import Worker
from desktop.library.names import NameNotFound, find_model
from desktop.library.settings import read_settings_file
from desktop.library.sizes import size_in_words

from .library import put_table
from .output import CommandError, plain, put_json, say

_VERDICTS = {"fits": "fits", "misfit": "does not fit", "unknown": "unknown", "": ""}


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "search",
        help="find models and adapters on the Hugging Face hub",
        description="Find models and adapters on the hub, the most downloaded first. With --for only adapters of that "
        "model are found, under any name it is known by, and each is held against the model's shapes: its "
        "configuration and the header of its weights are read, not the weights.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("words", nargs="*", metavar="WORDS", help="words of the name")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--adapters", action="store_const", const="adapter", dest="kind", default="")
    kind.add_argument("--models", action="store_const", const="model", dest="kind")
    parser.add_argument("--for", dest="model", metavar="MODEL", help="adapters for a model of the library or any path")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (default: 20)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print what was found; finding nothing is no failure."""
    hits = _find(_asked(args))
    if args.json:
        put_json({"hits": hits})
        return 0
    if not hits:
        say("Nothing was found. Try fewer words, or leave out --for to see adapters that don't name their base.")
        return 0
    heads = ("NAME", "KIND", "DOWNLOADS", "SIZE", "LICENCE", *(("VERDICT",) if args.model else ("BASE MODEL",)))
    put_table(heads, [_row(hit, bool(args.model)) for hit in hits], [""] * len(hits))
    return 0


def _asked(args: argparse.Namespace) -> Search:
    home = Home.find(args.home)
    if args.limit < 1:
        raise CommandError("--limit: at least one has to be asked for.")
    words = " ".join(args.words)
    if args.model is None:
        return Search(words=words, kind=args.kind, limit=args.limit)
    if args.kind == "model":
        raise CommandError("--for finds adapters for a model; leave out --models.")
    try:
        path = find_model(args.model, home, read_settings_file(home.settings_file))
    except NameNotFound as error:
        raise CommandError(str(error)) from error
    if path.suffix.lower() == ".gguf":
        # Of a GGUF the folder is read that it was converted to, as loaders do.
        path = find_conversion(home.models, path) or path
    names = names_of_model(path)
    if not names:
        say("Nothing says how the hub calls this model, so adapters of every base are held against its shapes.")
    return Search(words=words, kind="adapter", bases=names, model=str(path), limit=args.limit)


def _find(asked: Search) -> tuple[Hit, ...]:
    worker = Worker(asked)
    try:
        for event in worker.events():
            if isinstance(event, Results):
                return event.hits
            if isinstance(event, Waiting):
                say(f"{plain(event.reason)} Trying again in {event.seconds:.0f} s.")
            if isinstance(event, Failed):
                raise CommandError(event.message)
    finally:
        worker.stop()
    return ()


def _row(hit: Hit, held: bool) -> tuple[str, ...]:
    verdict = _VERDICTS[hit.verdict] + (f": {hit.reason}" if hit.reason else "")
    return (
        hit.repo,
        hit.kind + (", gated" if hit.gated else ""),
        f"{hit.downloads:,}",
        size_in_words(hit.size) if hit.size else "",
        hit.license,
        verdict if held else hit.base,
    )
