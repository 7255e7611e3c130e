"""`lora-deck evaluate`: perplexity and token accuracy of a base, of adapters and of a stack on rows, in one table."""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import EvaluateRequest, Evaluation, LoaderError, Lora, TrainSettings
from desktop.datasets import DataError, write_rows
from desktop.engine.client import EngineClient
from desktop.engine.messages import Step
from desktop.library.hashes import ContentHashes
from desktop.library.home import Home
from desktop.library.runs.evaluations import Evaluations

from .arguments import add_model_arguments
from .library import put_table
from .opening import adapters_from, find_path, open_model
from .output import CommandError, ProgressLine, plain, put_json, say
from .training_arguments import add_data_arguments, data_from

BASE = "base"
STACK = "stack"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table."""

    name: str
    adapters: tuple[str, ...]
    """Names and weights; none for the base."""
    loss: float
    perplexity: float
    accuracy: float
    tokens: int
    rows: int
    known: bool
    """Whether it was measured before and not anew."""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "evaluate",
        help="measure a base and adapters on rows of text",
        description="Measure perplexity and token accuracy of the base and of the stack that --lora names, with --each "
        "also of every adapter alone. What was measured before is not measured again, so a table that was broken off "
        "goes on where it was.",
    )
    parser.set_defaults(run=run)
    add_model_arguments(parser)
    add_data_arguments(parser)
    group = parser.add_argument_group("measuring")
    group.add_argument("--each", action="store_true", help="measure every adapter alone as well")
    group.add_argument("--cutoff", type=int, default=TrainSettings().cutoff, metavar="N", help="longest row in tokens")
    group.add_argument("--stride", type=int, default=0, metavar="N", help="of raw text: tokens a window moves on")
    group.add_argument("--again", action="store_true", help="measure anew what was measured before")
    group.add_argument("--json", action="store_true", help="print one JSON object a line, as it is measured")


def run(args: argparse.Namespace) -> int:
    """Measure; 0 if the whole table was."""
    loras = adapters_from(args)
    home = Home.find(args.home)
    try:
        settings = msgspec.convert({"cutoff": args.cutoff}, TrainSettings)
        if args.stride < 0:
            raise CommandError("--stride: a whole number from 0 on.")
    except msgspec.ValidationError as error:
        raise CommandError(f"--cutoff: {error}.") from error
    with tempfile.TemporaryDirectory(prefix="lora-deck-") as folder:
        rows = _rows(args, home, Path(folder))
        request = EvaluateRequest(rows=str(rows), settings=settings, stride=args.stride)
        table = list(_measure(args, home, loras, request))
    if not args.json:
        put_table(
            ("WHAT", "PERPLEXITY", "LOSS", "ACCURACY", "TOKENS"), [_cells(row) for row in table], [""] * len(table)
        )
    return 0


def stacks_of(loras: Sequence[Lora], *, each: bool) -> dict[str, tuple[Lora, ...]]:
    """What is measured, by the name of its line: the base, adapters alone, the stack."""
    stacks: dict[str, tuple[Lora, ...]] = {BASE: ()}
    if each or len(loras) == 1:
        for row in loras:
            name = f"{row.name}={row.weight:g}" if row.weight != 1 else row.name
            while name in stacks:
                name += "'"
            stacks[name] = (row,)
    if len(loras) > 1:
        name = STACK
        while name in stacks:
            name += "'"
        stacks[name] = tuple(loras)
    return stacks


def _rows(args: argparse.Namespace, home: Home, folder: Path) -> Path:
    try:
        report = write_rows(data_from(args, None, str(find_path(args, home)), home), folder)
    except DataError as error:
        raise CommandError(plain(str(error))) from error
    if not report.usable:
        raise CommandError(plain(report.problem))
    for note in report.notes:
        say(plain(note))
    return folder / "rows.jsonl"


def _measure(args: argparse.Namespace, home: Home, loras: Sequence[Lora], request: EvaluateRequest) -> Iterator[Row]:
    progress = ProgressLine()
    hash_of = ContentHashes(home.cache).of
    with open_model(args, progress) as opened:
        try:
            known = Evaluations(home, opened.info, request)
            for name, stack in stacks_of(loras, each=args.each).items():
                key = known.key(stack, hash_of)
                before = None if args.again else known.get(key)
                found = before or _evaluate(opened.engine, name, stack, request, progress)
                if before is None:
                    known.put(key, found)
                row = _row(name, stack, found, before is not None)
                if args.json:
                    put_json(row)
                yield row
        except LoaderError as error:
            raise CommandError(plain(str(error))) from error
        except OSError as error:
            raise CommandError(f"{error.filename} can't be read or written ({error.strerror}).") from error


def _evaluate(
    engine: EngineClient, name: str, stack: Sequence[Lora], request: EvaluateRequest, progress: ProgressLine
) -> Evaluation:
    engine.set_stack(stack).result()
    job = engine.evaluate(request)
    try:
        for event in job.events():
            if isinstance(event, Step):
                progress.show(f"Evaluating {name}", event.fraction)
    except KeyboardInterrupt:
        job.cancel()
        raise
    finally:
        progress.clear()
    return job.result()


def _row(name: str, stack: Sequence[Lora], found: Evaluation, known: bool) -> Row:
    return Row(
        name=name,
        adapters=tuple(f"{row.name}={row.weight:g}" for row in stack),
        loss=found.loss,
        perplexity=math.exp(min(found.loss, 700.0)),
        accuracy=found.accuracy,
        tokens=found.tokens,
        rows=found.rows,
        known=known,
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (row.name, f"{row.perplexity:.3f}", f"{row.loss:.4f}", f"{row.accuracy:.1%}", f"{row.tokens:,}")
