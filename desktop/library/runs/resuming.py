"""Going on with a run: only where nothing it stands on has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from desktop.api import LoaderError, TrainSettings
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import holder
from desktop.engine.runs.task import RunTask
from desktop.library.home import Home
from desktop.library.identity import content_hash, fingerprint

from .history import History, checkpoints_of, read_history
from .run_file import RunError, RunFile, file_hash, read_run_file

Hash = Callable[[Path], str]
_FREE_TO_CHANGE = {"stop_at_loss", "keep_checkpoints", "save_every", "micro_batch_tokens", "patience"}
"""Settings that don't change what the steps compute."""


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """What a resume starts with."""

    run: RunFile
    step: int
    """Of the checkpoint; 0 begins anew."""
    lost: int
    """Steps that had been done after it and are done again."""


def find_run(text: str, home: Home) -> RunFolder:
    """The run of an id, or of a beginning of one that only one has. Raises RunError."""
    if not text or "/" in text or "\\" in text or text in {".", ".."}:
        raise RunError(f"{text!r} is no run's id. `lora-deck runs` lists them.")
    if (home.runs / text / "run.toml").is_file():
        return RunFolder(home.runs / text)
    try:
        ids = sorted(path.name for path in home.runs.iterdir() if (path / "run.toml").is_file())
    except OSError:
        ids = []
    close = [name for name in ids if name.startswith(text)] or [name for name in ids if text in name]
    if len(close) == 1:
        return RunFolder(home.runs / close[0])
    if close:
        raise RunError(f"{text!r} names {len(close)} runs: {', '.join(close[:5])}. Write more of the id.")
    raise RunError(f"There is no run {text!r}. `lora-deck runs` lists them.")


def check_resume(folder: RunFolder, step: int | None = None, hash_of: Hash = content_hash) -> Resume:
    """Whether it can go on, from the checkpoint of a step or from the newest one. Raises RunError with the reason."""
    if (who := holder(folder.lock)) is not None:
        raise RunError(f"The run {folder.id} is running (process {who.pid}). Stop it first.")
    run = read_run_file(folder.run_file)
    history = read_history(folder)
    report = history.ended.report if history.ended else None
    if step is None and report is not None and report.reason != "stopped":
        raise RunError(
            f"The run {folder.id} has ended with its adapter written. Start a new run with --continue-from "
            f"{report.folder!r}, or name a checkpoint."
        )
    _check_unchanged(folder, run, hash_of)
    _check_settings(folder, run)
    chosen = _checkpoint(folder, history, step)
    return Resume(run=run, step=chosen, lost=max(history.step - chosen, 0))


def _checkpoint(folder: RunFolder, history: History, step: int | None) -> int:
    kept = checkpoints_of(folder, history)
    if step is None:
        return kept[-1] if kept else 0
    if step not in kept:
        there = ", ".join(str(one) for one in kept) or "none"
        raise RunError(f"The run {folder.id} has no whole checkpoint of step {step}. There are: {there}.")
    return step


def _check_unchanged(folder: RunFolder, run: RunFile, hash_of: Hash) -> None:
    record = run.record
    if record is None:
        raise RunError(f"{folder.run_file} lacks what the program wrote into it. Start a new run from it.")
    anew = "A run that goes on would be two halves of different ones. Put it back, or start a new run."
    try:
        if file_hash(folder.rows) != record.rows_hash or file_hash(folder.evaluation) != record.evaluation_hash:
            raise RunError(f"The rows of {folder.id} were changed since it began. {anew}")
        if fingerprint(Path(run.model.path)) != record.base_fingerprint:
            raise RunError(f"The base model {run.model.name} is another than when {folder.id} began. {anew}")
        for row in run.stack:
            if hash_of(Path(row.path)) != row.content_hash:
                raise RunError(f"The adapter {row.name} is another than when {folder.id} began. {anew}")
        if run.continue_from and hash_of(Path(run.continue_from)) != record.start_hash:
            raise RunError(f"The adapter {run.continue_from} is another than when {folder.id} began. {anew}")
    except OSError as error:
        raise RunError(f"{error.filename} can't be read ({error.strerror}), so {folder.id} can't go on.") from error
    except LoaderError as error:
        raise RunError(f"{folder.id} can't go on: {error}") from error


def _check_settings(folder: RunFolder, run: RunFile) -> None:
    try:
        before = msgspec.json.decode(folder.task.read_bytes(), type=RunTask)
    except (OSError, ValueError):
        return  # it was never started
    back = f"Put it back in {folder.run_file}, or start a new run."
    if told := _differences(before.load, run.model.request(), ("path", "dtype", "bits", "device", "settings")):
        raise RunError(f"The base is to be held in another way: {told}. {back}")
    fields = [name for name in TrainSettings.__struct_fields__ if name not in _FREE_TO_CHANGE]
    if told := _differences(before.train.settings, run.settings, fields):
        raise RunError(f"The settings were changed: {told}. {back}")


def _differences(before: msgspec.Struct, now: msgspec.Struct, fields: Iterable[str]) -> str:
    changed = [name for name in fields if getattr(before, name) != getattr(now, name)]
    return ", ".join(f"{name} was {getattr(before, name)} and is {getattr(now, name)}" for name in changed)
