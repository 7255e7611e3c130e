"""The command `lora-deck`: reads its arguments and hands over to one module a verb."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from desktop import __version__
from desktop.engine.jobs import JobFailed
from desktop.library.settings import SettingsError
from desktop.starter.fetch import StarterError

from . import export, generate, inspect_adapter, library, loaders, quantize, recipes, verify, window
from .arguments import add_model_arguments
from .output import CommandError, say

DESCRIPTION = "Run language models on your own machine and shape them with LoRA adapters."
EPILOG = "Without a command the window opens, with the model and adapters that are named, or with those of last time."


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(prog="lora-deck", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"lora-deck {__version__}")
    parser.add_argument(
        "--home",
        metavar="FOLDER",
        help="folder of models, adapters and settings (default: $LORA_DECK_HOME, else the user's data folder)",
    )
    add_model_arguments(parser, required=False)
    parser.set_defaults(run=window.run)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for module in (generate, verify, export, quantize, library, inspect_adapter, recipes, loaders):
        module.register(commands)
    for command in commands.choices.values():
        # `--home` may also stand after the command; there its default must not undo what stood before it.
        command.add_argument("--home", metavar="FOLDER", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = build_parser()
    args = parser.parse_args(arguments)
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
