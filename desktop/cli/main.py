"""The command `lora-deck`: reads its arguments and hands over to one module a verb."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from desktop import __version__
from desktop.engine.jobs import JobFailed
from desktop.library.settings import SettingsError
from desktop.starter.fetch import StarterError

from . import window
from .arguments import add_model_arguments
from .output import CommandError, say

DESCRIPTION = "Run language models on your own machine and shape them with LoRA adapters."
EPILOG = "Without a command the window opens, with the model and adapters that are named, or with those of last time."


MODULES = (
    "generate",
    "verify",
    "export",
    "quantize",
    "download",
    "search",
    "train",
    "runs",
    "evaluate",
    "library",
    "library_folders",
    "inspect_adapter",
    "datasets",
    "recipes",
    "loaders",
)
"""The modules of the commands, in the order of the help."""


def build_parser(commands_too: bool = True) -> argparse.ArgumentParser:
    """The whole command line, or that of the window alone: the window's start doesn't wait for the other modules."""
    parser = argparse.ArgumentParser(
        prog="lora-deck",
        description=DESCRIPTION,
        epilog=EPILOG,
        add_help=commands_too,
        exit_on_error=commands_too,
    )
    parser.add_argument("--version", action="version", version=f"lora-deck {__version__}")
    parser.add_argument(
        "--home",
        metavar="FOLDER",
        help="folder of models, adapters and settings (default: $LORA_DECK_HOME, else the user's data folder)",
    )
    add_model_arguments(parser, required=False)
    parser.set_defaults(run=window.run)
    if not commands_too:
        return parser
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name in MODULES:
        importlib.import_module(f"{__package__}.{name}").register(commands)
    for command in commands.choices.values():
        # `--home` may also stand after the command; there its default must not undo what stood before it.
        command.add_argument("--home", metavar="FOLDER", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments; only where they aren't the window's alone, with the parser that knows every command."""
    try:
        args, others = build_parser(commands_too=False).parse_known_args(arguments)
    except argparse.ArgumentError:
        others = ["?"]
    return args if not others else build_parser().parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    args = parse(arguments)
    try:
        status: int = args.run(args)
    except (CommandError, SettingsError, StarterError) as error:
        say(f"lora-deck: {error}")
        return 1
    except JobFailed as error:
        say(f"lora-deck: {error}")
        if error.failure.kind == "bug":
            say(error.failure.detail)
        return 1
    except BrokenPipeError:
        # Whoever read the output has gone (`| head`). Python would complain once more while closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        say("")
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
