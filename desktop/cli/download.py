"""`lora-deck download`: fetches models and adapters from the hub, or says what is not complete."""

from __future__ import annotations

import argparse
import glob
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from desktop.library.adapters import read_config
from desktop.library.home import Home
from desktop.library.hub.bases import Base, find_base
from desktop.library.hub.events import Checked, Failed, Finished, Task, Told
from desktop.library.hub.problems import HubError
from desktop.library.hub.record import Unfinished, Wish, find_unfinished
from desktop.library.hub.source import Source, parse_source
from desktop.library.hub.worker import Worker
from desktop.library.settings import read_settings_file

from .download_words import Teller, base_in_words, unfinished_in_words
from .output import CommandError, plain, put_json, say

_ELSEWHERE = {"missing", "gated", "forbidden", "login", "revision"}
"""Problems with which a base is looked for under its next name."""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "download",
        help="fetch models and adapters from the Hugging Face hub",
        description="Fetch models into models/user_name and adapters into loras/user_name. Every file is verified, and "
        "nothing is in the library before all of it is there. Stop it at any time and run it again: it goes on where "
        "it was. Without a name, what is not complete is listed.",
        epilog="The exit status is 0 only if everything that was asked for is there and verified. HF_ENDPOINT names a "
        "mirror, HF_TOKEN a token, HTTPS_PROXY a proxy.",
    )
    parser.set_defaults(run=run)
    words = "USER/NAME, USER/NAME:BRANCH, USER/NAME:refs/pr/N, or the address of a page or file of the hub"
    parser.add_argument("names", nargs="*", metavar="USER/NAME[:BRANCH]", help=words)
    parser.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="GLOB",
        help="take only the weights that match, such as '*Q4_K_M*', and other files that match; repeatable",
    )
    parser.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="leave out files; repeatable")
    parser.add_argument("--text-only", action="store_true", help="configuration, tokenizer and card without weights")
    parser.add_argument("--output", metavar="FOLDER", help="the folder to download into, instead of the library")
    parser.add_argument("--with-base", action="store_true", help="also fetch the base model an adapter names")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="compare what is on the disk with the hub, fetch nothing")
    what.add_argument(
        "--update",
        action="store_true",
        help="bring what is there to the hub's newest version; the old files stay until the new ones are verified",
    )
    what.add_argument("--resume", action="store_true", help="go on with every download that is not complete")
    what.add_argument("--cancel", action="store_true", help="throw away what has come of downloads not complete")
    parser.add_argument("--retries", type=int, default=5, metavar="N", help="tries after a failure (default: 5)")
    parser.add_argument("--json", action="store_true", help="print progress and result, one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Fetch one after the other; 1 unless all of it is there."""
    home = Home.find(args.home)
    unfinished = find_unfinished(home.models, home.loras)
    if args.output and len(args.names) != 1:
        raise CommandError("--output is for one download: name one repository with it.")
    try:
        sources = [parse_source(name) for name in args.names]
        if args.cancel:
            return _cancel(args, unfinished, [_target(home, args, source) for source in sources])
    except (HubError, OSError) as error:
        raise CommandError(str(error)) from error
    if args.resume:
        tasks = [_resumed(home, args, one) for one in unfinished]
    elif not sources:
        return _list(args, unfinished)
    else:
        tasks = [_task(home, args, source) for source in sources]
    if not tasks:
        say("There is no download that is not complete.")
    return max((_fetch(home, args, task) for task in tasks), default=0)


def _fetch(home: Home, args: argparse.Namespace, task: Task) -> int:
    last = _follow(args, task)
    if isinstance(last, Checked):
        return 1 if last.differences else 0
    if not isinstance(last, Finished):
        return 1
    if last.kind != "adapter" or args.check:
        return 0
    base = _base_of(Path(last.folder), home)
    if base is None:
        return 0
    if args.json:
        put_json({"event": "base", **msgspec.structs.asdict(base)})
    else:
        say(base_in_words(base, offer=not args.with_base))
    return _fetch_base(home, args, base) if args.with_base and not base.here else 0


def _fetch_base(home: Home, args: argparse.Namespace, base: Base) -> int:
    """Under the first name that can be had."""
    for name in base.sources:
        last = _follow(args, _task(home, args, parse_source(name), whole=True))
        if not isinstance(last, Failed) or last.kind not in _ELSEWHERE:
            return 0 if isinstance(last, Finished) else 1
    return 1


def _follow(args: argparse.Namespace, task: Task) -> Told | None:
    """Run one download to its end and tell of it; its last event. Whatever is raised meanwhile ends it."""
    worker = Worker(task)
    teller: Callable[[Told], object] = put_json if args.json else (words := Teller(task)).tell
    last = None
    try:
        for last in worker.events():
            teller(last)
            if args.json and isinstance(last, Failed):
                say(f"lora-deck: {plain(last.message)}")
    except KeyboardInterrupt:
        if not args.json:
            words.clear()
        say("Stopped. What has come is kept: run the same command again to go on, or with --cancel to throw it away.")
        raise
    finally:
        worker.stop()
    return last


def _task(home: Home, args: argparse.Namespace, source: Source, *, whole: bool = False) -> Task:
    """`whole`: what the options choose of an adapter is not meant for its base."""
    include = (*args.include, glob.escape(source.file)) if source.file else tuple(args.include)
    return Task(
        repo=source.repo,
        revision=source.revision,
        models=str(home.models),
        loras=str(home.loras),
        folder=source.folder,
        output="" if whole else args.output or "",
        wish=Wish() if whole else Wish(include, tuple(args.exclude), args.text_only),
        check=args.check,
        update=args.update,
        tries=max(args.retries, 0) + 1,
    )


def _resumed(home: Home, args: argparse.Namespace, one: Unfinished) -> Task:
    task = _task(home, args, Source(one.record.asked, one.record.revision))
    return msgspec.structs.replace(task, output=one.folder, wish=one.record.wish)


def _target(home: Home, args: argparse.Namespace, source: Source) -> list[Path]:
    if args.output:
        return [Path(args.output).absolute()]
    return [home.models / source.folder, home.loras / source.folder]


def _cancel(args: argparse.Namespace, unfinished: Sequence[Unfinished], named: Sequence[Sequence[Path]]) -> int:
    from desktop.library.hub.staging import discard

    here = [[path for path in paths if find_unfinished_at(path)] for paths in named]
    if not named:
        here = [[Path(one.folder)] for one in unfinished]
    for paths in here:
        if not paths:
            say("lora-deck: There is no download of that name that is not complete.")
            return 1
        for path in paths:
            discard(path)
            say(f"Thrown away: what had come of {plain(path.name)}.")
    return 0


def find_unfinished_at(target: Path) -> bool:
    """Whether a download to this folder is not complete."""
    return any(Path(one.folder) == target for one in find_unfinished(target.parent))


def _list(args: argparse.Namespace, unfinished: Sequence[Unfinished]) -> int:
    if args.json:
        put_json({"unfinished": unfinished})
    elif unfinished:
        say(unfinished_in_words(unfinished))
    else:
        say("Name what to download, for example: lora-deck download tloen/alpaca-lora-7b")
    return 0


def _base_of(folder: Path, home: Home) -> Base | None:
    try:
        named = read_config(folder).get("base_model_name_or_path")
    except Exception as error:  # the adapter is whole as the hub has it; what is wrong with it is its own matter
        say(f"Its configuration can't be read: {plain(str(error))}")
        return None
    return find_base(named, home, read_settings_file(home.settings_file)) if isinstance(named, str) and named else None
