"""`lora-deck loaders`: lists the loaders, shows the settings of one, gives one an interpreter of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import LoaderInfo
from desktop.discovery.describer import Found
from desktop.discovery.interpreters import launch_for
from desktop.discovery.loaders import Loaders
from desktop.discovery.setup import Environment, make_interpreter, requirements_of, use_interpreter, use_own
from desktop.discovery.virtual_environment import SetupError
from desktop.discovery.words import capabilities_in_words, one_line, settings_in_words
from desktop.library.home import Home
from desktop.library.settings import Settings, read_settings_file

from .output import CommandError, put, put_json, say


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One loader as `--json` prints it."""

    name: str
    value: str
    """The entry point's value."""
    distribution: str
    version: str
    interpreter: str
    own_interpreter: bool
    """Whether it has an interpreter of its own, not the program's."""
    available: bool
    """Whether it can load anything on this machine."""
    error: str
    """Why the plugin could not describe itself; empty where it could."""
    detail: str
    info: LoaderInfo | None


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "loaders",
        help="list the loaders and set them up",
        description="List every loader: whether it can run here, what it can do, where it runs.",
    )
    parser.set_defaults(run=run_list)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--refresh", action="store_true", help="ask every plugin anew instead of remembering")
    verbs = parser.add_subparsers(title="with one loader", metavar="VERB", dest="verb")
    show = verbs.add_parser("show", help="what one loader is and which settings it has (--set KEY=VALUE)")
    show.set_defaults(run=run_show)
    show.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
    show.add_argument("--refresh", action="store_true", default=argparse.SUPPRESS, help="ask the plugin anew")
    setup = verbs.add_parser(
        "setup",
        help="give a loader an interpreter of its own",
        description="Make a virtual environment for a loader whose engine can't live with this program's packages.",
    )
    setup.set_defaults(run=run_setup)
    for verb in (show, setup):
        verb.add_argument("name", metavar="NAME", help="the loader's name, as `lora-deck loaders` lists it")
        # Here too, and without a default that would undo what stood before the verb.
        verb.add_argument("--home", metavar="FOLDER", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    way = setup.add_mutually_exclusive_group()
    way.add_argument("--requirements", metavar="FILE", help="install this file instead of the loader's own")
    way.add_argument(
        "--engine", metavar="NAME", default="", help="for a loader that has several: the list for this one"
    )
    way.add_argument("--use", metavar="INTERPRETER", help="record an existing interpreter and make none")
    way.add_argument("--own", action="store_true", help="go back to the program's own interpreter")
    setup.add_argument("--python", metavar="EXE", help="the Python to make the environment with (default: this one)")


def run_list(args: argparse.Namespace) -> int:
    """List every loader; a plugin that fails is listed with its error and is no failure of the listing."""
    home, settings = _home(args)
    with Loaders(home, settings, refresh=args.refresh) as loaders:
        found, notes = loaders.found(), loaders.notes
    if args.json:
        put_json({"loaders": [_listed(one, settings) for one in found], "notes": notes})
        return 0
    for note in notes:
        say(note)
    if not found:
        say("No loader is installed. Install LoRA Deck itself again, or a loader plugin.")
    put("\n\n".join("\n".join(_in_words(one)) for one in found), end="\n" if found else "")
    return 0


def run_show(args: argparse.Namespace) -> int:
    """One loader with its settings."""
    home, settings = _home(args)
    with Loaders(home, settings, refresh=args.refresh) as loaders:
        found = loaders.find(args.name)
    if found.info is None:
        raise CommandError(f"{one_line(args.name)}: {found.error}")
    if args.json:
        put_json(_listed(found, settings))
        return 0
    lines = settings_in_words(found.info.settings)
    lines = ["Settings, given as --set KEY=VALUE:", *lines] if lines else ["It has no settings of its own."]
    put("\n".join([*_in_words(found), "", *lines]))
    return 0


def run_setup(args: argparse.Namespace) -> int:
    """Make, record or forget a loader's own interpreter."""
    home, settings = _home(args)
    if args.python and (args.own or args.use):
        raise CommandError("--python is for making an environment; leave it out with --use and --own.")
    try:
        if args.own:
            return _back_to_own(home, args.name)
        # Asked in the program's own interpreter: the one recorded may be the very thing that needs mending.
        with Loaders(home, msgspec.structs.replace(settings, interpreters={})) as loaders:
            known = loaders.find(args.name)
        if not known.ref.value:
            raise CommandError(f"{one_line(args.name)}: {known.error}")
        if args.use:
            found = use_interpreter(home, known.ref, args.use)
        else:
            requirements = (
                Path(args.requirements).expanduser() if args.requirements else requirements_of(known, args.engine)
            )
            environment = Environment(requirements, args.python or sys.executable)
            found = make_interpreter(home, known.ref, environment, lambda line: say(one_line(line)))
    except SetupError as error:
        raise CommandError(str(error)) from error
    _tell_recorded(found, settings)
    return 0


def _back_to_own(home: Home, name: str) -> int:
    before = use_own(home, name)
    if before:
        say(f"{one_line(name)} runs in the program's own interpreter again. {before} was left as it is.")
    else:
        say(f"{one_line(name)} runs in the program's own interpreter already.")
    return 0


def _tell_recorded(found: Found, settings: Settings) -> None:
    before = settings.interpreters.get(found.ref.name)
    say(f"{one_line(found.ref.name)} now runs in {found.interpreter}")
    if before and before != found.interpreter:
        say(f"The one before, {before}, was left as it is; delete it when no engine runs there any more.")


def _in_words(found: Found) -> list[str]:
    ref, info = found.ref, found.info
    came = f"from {one_line(ref.distribution)} {one_line(ref.version)}" if ref.distribution else ""
    where = found.interpreter + (" (the program's own)" if found.interpreter == sys.executable else "")
    title = f"{one_line(ref.name)}: {one_line(info.title)}" if info else one_line(ref.name)
    lines = [one_line(info.summary)] if info and info.summary else []
    if info is None:
        lines.append(f"can't be used: {one_line(found.error)}")
    elif not info.available:
        lines.append(f"can't run here: {one_line(info.reason) or 'it does not say why'}")
    else:
        lines.append("runs here")
    if info:
        lines.append("; ".join(capabilities_in_words(info.capabilities)))
        lines.append(", ".join(f"{one_line(name)} {one_line(version)}" for name, version in info.versions.items()))
    return [title, *(f"    {line}" for line in (*lines, came, where) if line)]


def _listed(found: Found, settings: Settings) -> Listed:
    return Listed(
        name=found.ref.name,
        value=found.ref.value,
        distribution=found.ref.distribution,
        version=found.ref.version,
        interpreter=found.interpreter or launch_for(found.ref, settings).python,
        own_interpreter=found.ref.name in settings.interpreters,
        available=found.info is not None and found.info.available,
        error=found.error,
        detail=found.detail,
        info=found.info,
    )


def _home(args: argparse.Namespace) -> tuple[Home, Settings]:
    home = Home.find(args.home)
    return home, read_settings_file(home.settings_file)
