"""From the arguments of `lora-deck train` to a run's file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import GenerateRequest, Sampling, TrainSettings, settings_schema
from desktop.datasets import DataPlan
from desktop.datasets.catalogue import find_dataset, find_format_name
from desktop.library.home import Home
from desktop.library.names import NameNotFound, find_adapter
from desktop.library.runs.making import checked_output
from desktop.library.runs.presets import PRESETS, STANDARD, preset
from desktop.library.runs.resuming import find_run
from desktop.library.runs.run_file import Base, RunError, RunFile, StackRow, read_run_file
from desktop.library.settings import read_settings_file

from .arguments import load_request_from
from .opening import adapters_from, model_path
from .output import CommandError, ProgressLine

SAMPLE_TOKENS = 64
"""Longest answer of a sample prompt, in tokens."""
SAMPLE_EVERY = 50
"""Steps between two answers of a sample prompt, where nothing else is said."""


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Where rows come from and how they are read."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "--dataset",
        action="append",
        default=[],
        metavar="FILE",
        help="a dataset of the library, a file of rows, or a folder of texts; repeat it for several",
    )
    group.add_argument("--kind", metavar="KIND", help="shape of the rows; found out if not given")
    group.add_argument("--format", metavar="NAME", help="a %%key%% format: a shipped one's name or a file")
    group.add_argument("--template", metavar="NAME", help="how a row is dressed: alpaca, alpaca-fr, model, ...")
    group.add_argument(
        "--mapping", action="append", default=[], metavar="ROLE=COLUMN", help="which column is what, where names differ"
    )
    group.add_argument("--loss", metavar="WHAT", help="what is learnt: answers, all, or after:TEXT")
    group.add_argument("--hard-cut", metavar="TEXT", help="raw text is divided wherever this stands")
    group.add_argument("--min-block", type=int, metavar="N", help="leave out pieces of raw text this short")
    group.add_argument("--skip", action="store_const", const="skip", dest="on_bad", help="leave bad rows out")


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """What decides a run besides the model and the data."""
    group = parser.add_argument_group("training")
    group.add_argument("-o", "--output", metavar="NAME", help="what the new adapter is called in the library")
    names = "; ".join(f"{one.name}: {one.words}" for one in PRESETS)
    group.add_argument("--preset", metavar="NAME", help=names.replace("%", "%%"))
    group.add_argument("--like", metavar="ID", help="settings, data and model of an earlier run")
    group.add_argument(
        "--set-train",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="settings: " + ", ".join(TrainSettings.__struct_fields__),
    )
    group.add_argument("--continue-from", metavar="ADAPTER", help="start with the factors of this adapter")
    group.add_argument(
        "--sample", action="append", default=[], metavar="PROMPT", help="answer it at step 0 and every sample_every"
    )
    group.add_argument("--holdout", type=float, metavar="N", help="rows kept back for evaluation: a share or a number")
    group.add_argument("--evaluation", action="append", default=[], metavar="FILE", help="rows for evaluation")


def run_from(args: argparse.Namespace, home: Home, progress: ProgressLine) -> RunFile:
    """The run that is asked for, every name found. Raises CommandError and RunError."""
    given = _given(args, home)
    base = _base(args, given, home, progress)
    name = args.output or (given.name if given else "")
    if not name:
        raise CommandError("The new adapter has no name. Give one with --output NAME.")
    start = args.continue_from or (given.continue_from if given else "")
    return RunFile(
        name=checked_output(name, home),
        continue_from=str(_adapter(start, home)) if start else "",
        model=base,
        stack=_stack(args, given, home),
        data=data_from(args, given.data if given else None, base.path, home),
        settings=_settings(args, given),
        samples=(*(given.samples if given else ()), *(_sample(text) for text in args.sample)),
    )


def data_from(args: argparse.Namespace, given: DataPlan | None, model_folder: str, home: Home) -> DataPlan:
    """The plan of the data. Raises CommandError and DataError."""
    settings = read_settings_file(home.settings_file)
    plan = msgspec.to_builtins(given) if given else {"sources": []}
    plan |= {"model_folder": model_folder} if Path(model_folder).is_dir() else {}
    if args.dataset:
        plan["sources"] = [str(find_dataset(text, home, settings)) for text in args.dataset]
    if getattr(args, "evaluation", None):
        plan["evaluation"] = [str(find_dataset(text, home, settings)) for text in args.evaluation]
    for name in ("kind", "template", "loss", "on_bad", "holdout", "hard_cut", "min_block"):
        if getattr(args, name, None) is not None:
            plan[name] = getattr(args, name)
    if args.format is not None:
        plan["format"] = find_format_name(args.format, home, settings)
    pairs = [text.partition("=") for text in args.mapping]
    if any(not column for _, _, column in pairs):
        raise CommandError("--mapping: write it as ROLE=COLUMN, such as instruction=question.")
    plan["mapping"] = {**plan.get("mapping", {}), **{role: column for role, _, column in pairs}}
    if not plan["sources"]:
        raise CommandError("There is no data. Name a file with --dataset FILE.")
    try:
        return msgspec.convert(plan, DataPlan)
    except msgspec.ValidationError as error:
        raise CommandError(f"The data can't be read like that: {error}.") from error


def _given(args: argparse.Namespace, home: Home) -> RunFile | None:
    if args.run_file and args.like:
        raise CommandError("A run file and --like are both given. Choose one.")
    if args.like:
        return read_run_file(find_run(args.like, home).run_file)
    return read_run_file(Path(args.run_file).expanduser()) if args.run_file else None


def _base(args: argparse.Namespace, given: RunFile | None, home: Home, progress: ProgressLine) -> Base:
    asked = _model_arguments(args)
    if not args.model and given is None:
        raise CommandError("There is no model. Name one with --model NAME, or give a run file.")
    base = given.model if given and not args.model else Base(name=args.model)
    args.model = base.name
    path = model_path(args, home, progress)
    return msgspec.structs.replace(base, path=str(path), **asked)


def _model_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """What was said of how the model is held; what stands at its default was not."""
    if args.trust_remote_code:
        raise CommandError("A run goes on without anybody to ask, so no Python of a model's folder is executed in it.")
    request = load_request_from(args, "", None)
    default = Base(name="")
    values = {name: getattr(request, name) for name in ("dtype", "bits", "device", "memory_limits", "settings")}
    values["loader"] = args.loader or ""
    return {name: value for name, value in values.items() if value != getattr(default, name)}


def _stack(args: argparse.Namespace, given: RunFile | None, home: Home) -> tuple[StackRow, ...]:
    if args.lora:
        return tuple(
            StackRow(name=row.name, path=row.path, weight=row.weight, enabled=row.enabled)
            for row in adapters_from(args)
        )
    rows = given.stack if given else ()
    return tuple(
        msgspec.structs.replace(row, path=row.path or str(_adapter(row.name, home)), content_hash="") for row in rows
    )


def _settings(args: argparse.Namespace, given: RunFile | None) -> TrainSettings:
    begin = given.settings if given else TrainSettings()
    if args.preset or given is None:
        chosen = preset(args.preset or STANDARD)
        if chosen is None:
            raise CommandError(f"There is no preset {args.preset!r}: {', '.join(one.name for one in PRESETS)}.")
        begin = chosen.settings
    values = msgspec.to_builtins(begin)
    kinds = settings_schema(TrainSettings)["properties"]
    for text in args.set_train:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or key not in kinds:
            raise CommandError(f"--set-train {text}: write KEY=VALUE with one of {', '.join(kinds)}.")
        values[key] = _typed(value.strip(), key)
    if args.sample and not values["sample_every"]:
        values["sample_every"] = SAMPLE_EVERY
    try:
        return msgspec.convert(values, TrainSettings, strict=False)
    except msgspec.ValidationError as error:
        raise CommandError(f"A training setting can't be used: {error}.") from error


def _typed(value: str, key: str) -> Any:
    if key == "targets":
        return [name.strip() for name in value.split(",")] if "," in value else value
    if value.lower() in {"on", "off", "yes", "no"}:
        return value.lower() in {"on", "yes"}
    try:
        return json.loads(value)
    except ValueError:
        return value


def _sample(text: str) -> GenerateRequest:
    return GenerateRequest(prompt=text, sampling=Sampling(greedy=True), max_new_tokens=SAMPLE_TOKENS)


def _adapter(text: str, home: Home) -> Path:
    try:
        return find_adapter(text, home, read_settings_file(home.settings_file))
    except NameNotFound as error:
        raise RunError(str(error)) from error
