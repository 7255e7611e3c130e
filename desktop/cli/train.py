"""`lora-deck train`: a new adapter from rows of text, in an engine that outlives this command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import TrainPlan
from desktop.datasets import DataError, DatasetReport
from desktop.discovery.choice import nobody_fits, ordered, with_bits
from desktop.discovery.loaders import Loaders
from desktop.engine.messages import LoaderRef
from desktop.engine.process import Launch
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.launch import RunNotStarted, start_run, write_task
from desktop.library.hashes import ContentHashes
from desktop.library.home import Home
from desktop.library.runs.history import read_history
from desktop.library.runs.making import make_run, task_of
from desktop.library.runs.resuming import check_resume, find_run
from desktop.library.runs.run_file import Base, RunError, RunFile, read_run_file
from desktop.library.runs.state import RunState
from desktop.library.settings import read_settings_file

from .arguments import add_model_arguments
from .following import Follow, say_end
from .output import CommandError, ProgressLine, plain, put, put_json, say
from .planning import plan_run, tell_plan
from .together import Process, help_run, home_of, keep_run, process_of_torchrun
from .training_arguments import add_data_arguments, add_training_arguments, run_from


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """The last object that `--json` prints."""

    id: str
    state: RunState
    result: str
    """Where the adapter is; empty where there is none."""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="train a new adapter",
        description="Train a LoRA on rows of text. The training runs in a process of its own that outlives this "
        "command; Ctrl-C stops it and keeps what it learnt, a second one ends it at once. The adapter lands in loras/ "
        "when it is complete, and overwrites nothing.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("run_file", nargs="?", metavar="RUN.toml", help="a file with everything (docs/training.md)")
    add_model_arguments(parser, required=False)
    add_data_arguments(parser)
    add_training_arguments(parser)
    group = parser.add_argument_group("the run")
    group.add_argument("--resume", metavar="ID", help="go on with a run from its newest checkpoint")
    group.add_argument("--checkpoint", type=int, metavar="STEP", help="with --resume: the checkpoint of this step")
    group.add_argument("--plan", action="store_true", help="tell what the run would be, and start nothing")
    group.add_argument("--detach", action="store_true", help="start it and leave; `lora-deck runs ID` shows it")
    group.add_argument("--json", action="store_true", help="print one event a line, then one object with the outcome")


def run(args: argparse.Namespace) -> int:
    """Train; 0 if the adapter is written, or with --detach if the run has begun."""
    home = Home.find(args.home)
    try:
        return _run(args, home)
    except (RunError, RunNotStarted, DataError) as error:
        raise CommandError(plain(str(error))) from error


def _run(args: argparse.Namespace, home: Home) -> int:
    if (process := process_of_torchrun()) is not None:
        return _run_together(args, home, process)
    if args.resume:
        folder, run_file, step = _resumed(args, home)
        ref, launch = _loader(run_file.model, home)
    elif args.checkpoint is not None:
        raise CommandError("--checkpoint goes with --resume ID.")
    else:
        progress = ProgressLine()
        run_file, step = run_from(args, home, progress), 0
        progress.clear()
        ref, launch = _loader(run_file.model, home)  # before anything is written
        base = msgspec.structs.replace(run_file.model, loader=ref.name)
        if args.plan:
            return _plan(args, plan_run(run_file, ref, launch, home))
        folder, report = make_run(msgspec.structs.replace(run_file, model=base), home, ContentHashes(home.cache).of)
        _tell_data(report)
    write_task(folder, task_of(folder, read_run_file(folder.run_file), ref, home, step))
    follow = Follow(folder, json=args.json)
    follow.skip()
    start_run(folder, launch)
    say(f"Run {folder.id}")
    if args.detach:
        put_json({"id": folder.id, "path": str(folder.root)}) if args.json else put(folder.id)
        return 0
    return _conclude(args, folder, follow.run())


def _run_together(args: argparse.Namespace, home: Home, process: Process) -> int:
    if args.detach or args.plan:
        raise CommandError("--detach and --plan are for one process. Leave torchrun out.")
    process.become_engine()
    with home_of(process, home) as own:
        if args.resume:
            folder, run_file, step = _resumed(args, home) if process.first else _known(args, home)
        else:
            run_file, step = run_from(args, home, ProgressLine()), 0
        ref, launch = _loader(run_file.model, home)
        process.refuse_other_interpreter(launch)
        if not args.resume:
            base = msgspec.structs.replace(run_file.model, loader=ref.name)
            # Every process reads the data itself, so that machines need not share a disk.
            folder, report = make_run(msgspec.structs.replace(run_file, model=base), own, ContentHashes(home.cache).of)
            if process.first:
                _tell_data(report)
        task = task_of(folder, read_run_file(folder.run_file), ref, home, step)
        task = msgspec.structs.replace(task, train=msgspec.structs.replace(task.train, together=True))
        if not process.first:
            return help_run(process, RunFolder(own.runs / "part"), task)
        return _conclude(args, folder, keep_run(folder, task, json=args.json))


def _known(args: argparse.Namespace, home: Home) -> tuple[RunFolder, RunFile, int]:
    """A run that another process resumes, and judges."""
    folder = find_run(args.resume, home)
    return folder, read_run_file(folder.run_file), 0


def _plan(args: argparse.Namespace, planned: tuple[DatasetReport, TrainPlan]) -> int:
    report, plan = planned
    if args.json:
        put_json({"data": report, "plan": plan})
        return 0
    _tell_data(report)
    tell_plan(plan)
    return 0


def _resumed(args: argparse.Namespace, home: Home) -> tuple[RunFolder, RunFile, int]:
    folder = find_run(args.resume, home)
    resume = check_resume(folder, args.checkpoint, ContentHashes(home.cache).of)
    where = f"from the checkpoint of step {resume.step}" if resume.step else "from the beginning"
    again = "1 step is" if resume.lost == 1 else f"{resume.lost} steps are"
    say(f"{folder.id} goes on {where}" + (f"; {again} done again." if resume.lost else "."))
    return folder, resume.run, resume.step


def _loader(base: Base, home: Home) -> tuple[LoaderRef, Launch]:
    """The loader that trains this base. Raises CommandError where none can."""
    settings = read_settings_file(home.settings_file)
    path, wanted = Path(base.path), base.loader or None
    with Loaders(home, settings) as loaders:
        choices = ordered(with_bits(loaders.probe(path, wanted), base.bits), wanted, settings.loader)
        fitting = [choice for choice in choices if choice.can_load]
        if not fitting:
            raise CommandError(nobody_fits(path, choices))
        able = [one for one in fitting if one.found.info and one.found.info.capabilities.train]
        if not able:
            names = ", ".join(choice.found.ref.name for choice in fitting)
            raise CommandError(f"{plain(base.name)} can be loaded by {names}, but not trained there.")
        if able[0].verdict.conversion is not None:
            raise CommandError(
                f"{plain(base.name)} must be converted before it can be trained. Answer one prompt with it "
                "(`lora-deck generate`), which converts it once, and train then."
            )
        return able[0].found.ref, loaders.launch(able[0].found.ref)


def _tell_data(report: DatasetReport) -> None:
    held = f", {report.evaluation_rows} for evaluation" if report.evaluation_rows else ""
    bad = f", {report.bad} left out" if report.bad else ""
    say(f"{report.rows} rows ({report.kind}){held}{bad}")
    for row in report.bad_rows[:5]:
        say(plain(row.in_words()))
    for note in report.notes:
        say(plain(note))


def _conclude(args: argparse.Namespace, folder: RunFolder, state: RunState) -> int:
    ended = read_history(folder).ended
    report = ended.report if ended else None
    result = (ended.result or (report.folder if report else "")) if ended else ""
    if args.json:
        put_json(Trained(id=folder.id, state=state, result=result))
    say_end(folder, state)
    if ended is not None and ended.detail and ended.how == "failed" and "unexpectedly" in ended.message:
        say(ended.detail)
    if not result:
        return 1
    if not args.json:
        put(result)
    return 0
