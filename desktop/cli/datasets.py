"""`lora-deck datasets`: the data to train on; `lora-deck datasets check` tells of every row before a run does."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from desktop.api import TrainingRow, settings_schema
from desktop.datasets import DataError, DataPlan, Prepared, prepare
from desktop.datasets.catalogue import (
    DatasetEntry,
    find_dataset,
    find_format_name,
    list_datasets,
    list_formats,
)
from desktop.library.home import Home
from desktop.library.names import NameNotFound, find_model
from desktop.library.places import dataset_folders, printable
from desktop.library.settings import Settings, read_settings_file

from .library import in_units, put_table
from .output import CommandError, ProgressLine, plain, put, put_json, say

_SHOWN = 10
"""Bad rows that are printed; `--json` has more."""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "datasets",
        help="list the data to train on, and check it",
        description="List the datasets and %%key%% formats of the library. What can't be used is "
        "listed with the reason.",
    )
    parser.set_defaults(run=run_list)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    verbs = parser.add_subparsers(title="with data", metavar="VERB", dest="verb")
    check = verbs.add_parser(
        "check",
        help="check every row, and show one as it will be learnt",
        description="Read and check every row. The exit status is 0 where a run could start with these rows.",
    )
    check.set_defaults(run=run_check)
    check.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
    check.add_argument("--home", metavar="FOLDER", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    check.add_argument("--show", type=int, metavar="N", help="print row N, what is learnt between [[ and ]]")
    check.add_argument("--model", metavar="NAME", help="the base model, for its own chat template")
    add_data_arguments(check)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """What a `DataPlan` asks for, for every command that takes data."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "dataset",
        nargs="+",
        metavar="FILE",
        help="a dataset of the library, or the path of a file or a folder of texts",
    )
    schema = settings_schema(DataPlan)["properties"]
    for name in ("kind", "template", "format", "loss", "holdout", "seed", "hard_cut", "min_block"):
        field = schema[name]
        choices = field.get("enum")
        number = {"integer": int, "number": float}.get(field.get("type", ""), str)
        words = field["description"].replace("%", "%%")
        shown = f" Default: {field['default']}." if field["default"] not in ("", 0, 0.0) else ""
        group.add_argument(
            "--" + name.replace("_", "-"),
            type=number,
            choices=choices,
            metavar=None if choices else name.rpartition("_")[2].upper(),
            default=field["default"],
            help=words + shown,
        )
    group.add_argument(
        "--mapping",
        action="append",
        default=[],
        metavar="ROLE=COLUMN",
        help="which column is which, such as output=answer; repeat it for several",
    )
    group.add_argument("--evaluation", action="append", default=[], metavar="FILE", help="rows for evaluation")
    bad = group.add_mutually_exclusive_group()
    bad.add_argument(
        "--skip", action="store_const", const="skip", dest="on_bad", default="stop", help="leave bad rows out"
    )
    bad.add_argument(
        "--stop", action="store_const", const="stop", dest="on_bad", help="refuse data with bad rows (default)"
    )


def plan_from(args: argparse.Namespace, home: Home, settings: Settings, model_folder: str = "") -> DataPlan:
    """The plan that the arguments of `add_data_arguments` mean. Raises DataError and CommandError."""
    values = {
        "sources": [str(find_dataset(text, home, settings)) for text in args.dataset],
        "evaluation": [str(find_dataset(text, home, settings)) for text in args.evaluation],
        "mapping": dict(_pair(text) for text in args.mapping),
        "model_folder": model_folder,
        "on_bad": args.on_bad,
    }
    values |= {
        name: getattr(args, name) for name in ("kind", "template", "loss", "holdout", "seed", "hard_cut", "min_block")
    }
    values["format"] = find_format_name(args.format, home, settings) if args.format else ""
    try:
        return msgspec.convert(values, DataPlan)
    except msgspec.ValidationError as error:
        raise CommandError(f"The data can't be asked for like this: {error}.") from error


def run_list(args: argparse.Namespace) -> int:
    """List the datasets; one that can't be used is part of the list and no failure of the listing."""
    home, settings = _home(args)
    try:
        datasets, formats = list_datasets(home, settings), list_formats(home, settings)
    except DataError as error:
        raise CommandError(str(error)) from error
    if args.json:
        folders = [printable(folder) for folder in dataset_folders(home, settings)]
        put_json({"datasets": datasets, "formats": formats, "folders": folders})
        return 0
    if datasets:
        put_table(("NAME", "KIND", "ROWS", "SIZE"), [_row(one) for one in datasets], [one.problem for one in datasets])
    else:
        say(f"No datasets yet. Put a JSON, CSV or text file into {plain(str(home.datasets))}.")
    put("Formats: " + ", ".join(plain(one.name) for one in formats))
    for one in formats:
        if one.problem:
            put(f"    can't be used: {plain(one.problem)}")
    return 0


def run_check(args: argparse.Namespace) -> int:
    """Check the data; 1 where no run could start with it."""
    home, settings = _home(args)
    line = ProgressLine()
    try:
        folder = str(find_model(args.model, home, settings)) if args.model else ""
        plan = plan_from(args, home, settings, folder)
        prepared = prepare(plan, lambda done, total: line.show("Checking", done / max(total, 1)))
        line.clear()
        row = prepared.row(args.show) if args.show is not None else None
    except (DataError, NameNotFound) as error:
        line.clear()
        raise CommandError(str(error)) from error
    report = prepared.report
    if args.json:
        put_json({"report": report, "usable": report.usable, "problem": report.problem, "row": row})
    else:
        _put_report(prepared)
        if row is not None:
            put("\n" + _marked(row))
    if report.problem:
        say(f"lora-deck: {plain(report.problem)}")
    return 0 if report.usable else 1


def _put_report(prepared: Prepared) -> None:
    report = prepared.report
    dressed = f"Dressed in {report.template}; learnt: {report.loss}." if report.template else f"Learnt: {report.loss}."
    put(plain(f"{report.kind_reason} {dressed}"))
    if report.ignored_columns:
        put(plain(f"Columns that are not used: {', '.join(report.ignored_columns)}."))
    put(f"{_count(report.rows)} to train on, {_count(report.evaluation_rows)} for evaluation, {report.bad} bad.")
    for reason, count in report.bad_by_reason.items():
        put(plain(f"  {count} x {reason}"))
    for bad in report.bad_rows[:_SHOWN]:
        put(plain(f"    {bad.in_words()}"))
    if report.bad > _SHOWN:
        put(f"    and {report.bad - _SHOWN} more")
    for note in report.notes:
        put(plain(note))
    put(f"sha256 {report.sha256}")


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def _marked(row: TrainingRow) -> str:
    """The row's text with what is learnt in brackets; control characters but line breaks made harmless."""
    text = "".join(f"[[{part.text}]]" if part.trained else part.text for part in row.parts)
    return "\n".join(plain(line) for line in text.split("\n"))


def _row(entry: DatasetEntry) -> tuple[str, ...]:
    rows = "" if entry.problem else "?" if entry.rows is None else str(entry.rows)
    return (entry.name, entry.kind or "?", rows, in_units(entry.size))


def _pair(text: str) -> tuple[str, str]:
    role, equals, column = text.partition("=")
    if not equals or not role or not column:
        raise CommandError(f"--mapping {text}: write it as ROLE=COLUMN, such as output=answer.")
    return role.strip(), column


def _home(args: argparse.Namespace) -> tuple[Home, Settings]:
    home = Home.find(args.home)
    return home, read_settings_file(home.settings_file)
