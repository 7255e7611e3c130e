"""`lora-deck export`: a stack as one adapter, or merged into a copy of the base."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, TypeVar

from desktop.api import ExportRequest
from desktop.engine.jobs import Job
from desktop.engine.messages import Step
from desktop.library.home import Home

from .arguments import add_model_arguments
from .export_gguf import export_as_gguf
from .generate import attach
from .library import in_units
from .opening import adapters_from, open_model
from .output import CommandError, ProgressLine, put, put_json, say

T = TypeVar("T")


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "export",
        help="write a stack as one adapter, or merged into a copy of the base",
        description="Write the stack that --lora names, each adapter with its weight, as one adapter that does exactly "
        "what all of them do (it loads in PEFT), or with --merged as a copy of the base with the stack merged in (it "
        "loads in transformers). Nothing that exists is overwritten.",
    )
    parser.set_defaults(run=run)
    add_model_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="NAME",
        help="a name for the library (it lands in loras/, or with --merged in models/), or a path",
    )
    parser.add_argument(
        "--gguf",
        action="store_true",
        help="write one adapter as a GGUF LoRA file, as llama.cpp reads it; nothing is loaded, --model names the base",
    )
    parser.add_argument("--merged", action="store_true", help="merge into a copy of the base; it needs 16 or 32 bits")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Write it; 0 if all of it stands on disk."""
    loras = adapters_from(args)
    if not loras:
        raise CommandError("There is nothing to export. Name one adapter or several with --lora NAME=WEIGHT.")
    if args.gguf:
        return export_as_gguf(args, loras)
    home = Home.find(args.home)
    target = target_of(args.output, home.models if args.merged else home.loras)
    if target.exists():
        raise CommandError(f"{target} exists already. Choose another name with --output; nothing was overwritten.")
    progress = ProgressLine()
    with open_model(args, progress) as opened:
        attach(opened, loras)
        request = ExportRequest(folder=str(target), what="model" if args.merged else "adapter")
        report = follow(opened.engine.export(request), progress)
    if args.json:
        put_json(report)
        return 0
    say(f"{in_units(report.bytes)}" + (f", rank {report.rank}" if report.rank else ""))
    for note in report.notes:
        say(note)
    put(report.folder)
    return 0


def target_of(text: str, library: Path) -> Path:
    """Where an export goes: a plain name into the library, anything else as a path. Raises CommandError."""
    path = Path(text).expanduser()
    if text in {"", ".", ".."} or path.name.startswith("."):
        raise CommandError(f"{text!r} is no name for an export. Use letters, digits, spaces, dashes and dots inside.")
    return library / text if path.name == text else path.absolute()


def follow(job: Job[T], progress: ProgressLine) -> T:
    """Show a job's steps until it has ended; Ctrl-C cancels it. Raises JobFailed."""
    try:
        for event in job.events():
            if isinstance(event, Step):
                progress.show(event.step, event.fraction)
    except KeyboardInterrupt:
        job.cancel()
        raise
    finally:
        progress.clear()
    return job.result()
