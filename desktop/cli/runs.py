"""`lora-deck runs`: the training runs there are, one of them in full, and words to one that is going on."""

from __future__ import annotations

import argparse
import time
from typing import Any

from desktop.api import SaveNow, StopAndKeep, StopAtLoss, TrainCommand, TrainSettings
from desktop.engine.runs.control import send
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import holder
from desktop.library.home import Home
from desktop.library.runs.history import read_history
from desktop.library.runs.listing import RunEntry, list_runs, run_entry
from desktop.library.runs.resuming import find_run
from desktop.library.runs.run_file import RunError

from .following import Follow, how_to_resume, say_end
from .library import put_table
from .output import CommandError, plain, put, put_json, say

_VERBS = ("show", "watch", "stop", "save", "stop-at-loss")


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "runs",
        help="list training runs, show one, stop or save one that is going on",
        description="Without an argument every run is listed. `runs ID` shows one with its curve; `runs watch ID` "
        "follows it; `runs stop ID` ends it after its present step and keeps what it learnt; `runs save ID` has it "
        "write a checkpoint; `runs stop-at-loss ID LOSS` has it end once its smoothed loss is that low (0 is off).",
    )
    parser.set_defaults(run=run)
    parser.add_argument("words", nargs="*", metavar="[VERB] [ID]", help=f"VERB: {', '.join(_VERBS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON object; with watch one event a line")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 if it was done."""
    home = Home.find(args.home)
    words = list(args.words)
    verb = words.pop(0) if words and words[0] in _VERBS else "show"
    if not words:
        if args.words:
            raise CommandError(f"Which run? Write `lora-deck runs {verb} ID`.")
        return _list(home, args.json)
    try:
        return _do(args, verb, find_run(words.pop(0), home), words)
    except (RunError, OSError) as error:
        raise CommandError(plain(str(error))) from error


def _do(args: argparse.Namespace, verb: str, folder: RunFolder, rest: list[str]) -> int:
    command = _command(verb, rest)
    if command is not None:
        if holder(folder.lock) is None:
            raise CommandError(f"{folder.id} is not running. {run_entry(folder).sentence}")
        send(folder, command)
        say(f"Told {folder.id}; it hears it after its present step.")
        return 0
    if verb == "watch":
        state = Follow(folder, json=args.json).run()
        say_end(folder, state)
        return 0 if state.phase in {"finished", "stopped"} else 1
    return _show(folder, args.json)


def _command(verb: str, rest: list[str]) -> TrainCommand | None:
    if len(rest) > (verb == "stop-at-loss"):
        raise CommandError(f"Too many words: {' '.join(rest)}.")
    if verb == "stop-at-loss":
        try:
            return StopAtLoss(max(float(rest[0]), 0.0))
        except (IndexError, ValueError):
            raise CommandError("Write `lora-deck runs stop-at-loss ID LOSS` with a number such as 1.2.") from None
    commands: dict[str, TrainCommand] = {"stop": StopAndKeep(), "save": SaveNow()}
    return commands.get(verb)


def _list(home: Home, json: bool) -> int:
    entries = list_runs(home)
    if json:
        put_json({"runs": entries, "folder": str(home.runs)})
        return 0
    if not entries:
        say("No runs yet. `lora-deck train --model M --dataset FILE --output NAME` starts one.")
        return 0
    heads = ("ID", "STATE", "STEP", "LOSS", "EVALUATION", "ROWS", "BASE", "ON TOP OF")
    put_table(heads, [_row(entry) for entry in entries], [entry.problem for entry in entries])
    return 0


def _row(entry: RunEntry) -> tuple[str, ...]:
    return (
        entry.id,
        entry.phase if not entry.problem else "?",
        f"{entry.step}/{entry.steps}" if entry.steps else "",
        _number(entry.loss),
        _number(entry.evaluation_loss),
        str(entry.rows or ""),
        entry.base,
        " + ".join(entry.parents),
    )


def _show(folder: RunFolder, json: bool) -> int:
    entry = run_entry(folder)
    if entry.problem:
        raise CommandError(plain(entry.problem))
    history = read_history(folder)
    if json:
        curves = {"steps": history.steps, "evaluations": history.evaluations, "samples": history.samples}
        put_json({"run": entry, **curves, "notes": history.notes})
        return 0
    put(f"{plain(entry.id)}: {entry.phase}")
    put(plain(entry.sentence))
    if entry.resumable:
        put(how_to_resume(entry.id))
    put(f"base: {plain(entry.base)}  rows: {entry.rows}  data: {entry.rows_hash[:16]}")
    put(f"begun: {time.strftime('%Y-%m-%d %H:%M', time.localtime(entry.created))}")
    if entry.parents:
        put(f"from: {plain(' + '.join(entry.parents))}")
    if entry.run is not None:
        put("settings: " + plain(settings_in_words(entry.run.settings)))
    every = max(len(history.steps) // 20, 1)
    rows = [
        (str(step.step), f"{step.loss:.4f}", f"{step.smoothed_loss:.4f}", f"{step.learning_rate:.2e}")
        for step in history.steps[::-every][::-1]
    ]
    if rows:
        put_table(("STEP", "LOSS", "SMOOTHED", "LEARNING RATE"), rows, [""] * len(rows))
    for evaluated in history.evaluations:
        put(f"evaluation at step {evaluated.step}: loss {evaluated.loss:.4f}, accuracy {evaluated.accuracy:.1%}")
    if entry.result:
        put(f"adapter: {plain(entry.result)}")
    return 0


def settings_in_words(settings: TrainSettings) -> str:
    """What differs from the defaults, and the few everybody asks about."""
    default = TrainSettings()
    always = ("rank", "alpha", "learning_rate", "epochs", "batch_size")
    fields = [*always, *(name for name in TrainSettings.__struct_fields__ if name not in always)]
    shown = [name for name in fields if name in always or getattr(settings, name) != getattr(default, name)]
    return ", ".join(f"{name}={getattr(settings, name)}" for name in shown)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
