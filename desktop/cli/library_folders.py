"""`lora-deck library`: uses a folder of text-generation-webui in place, or copies from it, and forgets it again."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from desktop.library.home import Home
from desktop.library.linked import check_linked, link_folder, read_linked, unlink_folder
from desktop.library.places import is_folder
from desktop.library.shelf.problems import ShelfError
from desktop.library.textgen.copying import copy_into
from desktop.library.textgen.looking import Fault, Report, look_into
from desktop.library.textgen.words import counts_in_words, fault_in_words

from .output import CommandError, ProgressLine, plain, put, put_json, say


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "library",
        help="use a folder of text-generation-webui",
        description="Without a verb, list the folders of text-generation-webui that are used in place.",
    )
    parser.set_defaults(run=run_list)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    verbs = parser.add_subparsers(title="with a folder", metavar="VERB", dest="verb")
    taking = verbs.add_parser(
        "import",
        help="use its models, adapters, training data, presets and templates",
        description="Tell what a folder of text-generation-webui holds and what of it can't be used, and use it in "
        "place from now on. Nothing in it is ever written to.",
    )
    taking.set_defaults(run=run_import)
    taking.add_argument("--copy", action="store_true", help="copy what can be used into the home folder instead")
    taking.add_argument("--look", action="store_true", help="only tell what it holds")
    leaving = verbs.add_parser(
        "forget", help="use a folder no more", description="Use a folder no more. Nothing in it is touched."
    )
    leaving.set_defaults(run=run_forget)
    for verb in (taking, leaving):
        verb.add_argument("folder", metavar="FOLDER", help="the folder of text-generation-webui, or its user_data")
        verb.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
        verb.add_argument("--home", metavar="FOLDER", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run_list(args: argparse.Namespace) -> int:
    """List the folders; one that is not there is part of the list and no failure of the listing."""
    home = Home.find(args.home)
    if problem := check_linked(home):
        raise CommandError(problem)
    folders = read_linked(home)
    if args.json:
        put_json({"folders": [{"folder": str(one), "there": is_folder(one)} for one in folders]})
        return 0
    if not folders:
        say("No folder of text-generation-webui is used. To use one: lora-deck library import FOLDER")
    for folder in folders:
        put(plain(str(folder)))
        if not is_folder(folder):
            put("    is not there now. It is used again as soon as it is back.")
    return 0


def run_import(args: argparse.Namespace) -> int:
    """Use a folder, or copy what it holds; 1 where something could not be copied."""
    home = Home.find(args.home)
    try:
        report = look_into(_path(args.folder), home)
        if not args.json:
            _tell(report)
        left = _take(args, report, home)
    except ShelfError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{home.root} can't be written ({error.strerror}). Free some space or mend it.") from error
    if args.json:
        put_json({"report": report, "copied": args.copy and not args.look, "left": left})
    return 1 if left else 0


def run_forget(args: argparse.Namespace) -> int:
    """Use it no more; 1 if it was not used."""
    home = Home.find(args.home)
    folder = _path(args.folder)
    try:
        forgotten = unlink_folder(home, folder)
    except OSError as error:
        raise CommandError(f"{home.linked} can't be written ({error.strerror}). Free some space or mend it.") from error
    if not forgotten:
        known = ", ".join(plain(str(one)) for one in read_linked(home)) or "none"
        raise CommandError(f"{plain(str(folder))} is not used. Folders that are: {known}.")
    if args.json:
        put_json({"forgotten": str(folder)})
    else:
        say(f"{plain(str(folder))} is no longer used. Nothing in it was touched.")
    return 0


def _take(args: argparse.Namespace, report: Report, home: Home) -> tuple[Fault, ...]:
    """What was to be copied and was not."""
    if args.look:
        return ()
    if not report.found:
        raise CommandError(f"Nothing in {plain(report.folder)} can be used, so it was not added.")
    if args.copy:
        line = ProgressLine()
        copied = copy_into(report, home, lambda name, done: line.show(f"Copying {name}", done), lambda: False)
        line.clear()
        if not args.json:
            for fault in copied.left:
                say(plain(f"  not copied: {fault_in_words(fault)}"))
            put(f"Copied into {plain(str(home.root))}: {copied.copied}.")
        return copied.left
    link_folder(home, Path(report.folder))
    if not args.json:
        put(f"{plain(report.folder)} is used in place from now on.")
    return ()


def _tell(report: Report) -> None:
    say(plain(counts_in_words(report)))
    for fault in report.faults:
        say(plain(f"  can't be used: {fault_in_words(fault)}"))
    for note in report.notes:
        say(plain(f"  {fault_in_words(note)}"))


def _path(text: str) -> Path:
    return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100 - links keep the name the user gave
