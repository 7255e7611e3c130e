"""The checkpoints of the runs as versions of the adapters that the runs make: `name/step-N`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from desktop.engine.runs.folder import RunFolder
from desktop.library.home import Home
from desktop.library.places import printable, visible

RECORD = "lora_deck.json"
"""What a run writes beside the weights of a checkpoint."""
_STEP = re.compile(r"step-\d+")
_LONGEST = 1 << 20
"""Bytes of a record that are read."""


class Version(msgspec.Struct, frozen=True):
    """One checkpoint."""

    name: str
    """The adapter's name and the checkpoint's, with a slash between them."""
    path: Path


class _Named(msgspec.Struct):
    """What of a run's file matters here."""

    name: str


def list_versions(home: Home) -> list[Version]:
    """Every whole checkpoint of every run, by the run's id and the step. What can't be read is passed over."""
    return [version for run in _runs(home) for version in _versions(run)]


def find_version(text: str, home: Home) -> Path | None:
    """The checkpoint that `name/step-N` means; None where it means none."""
    _, slash, step = text.rstrip("/").rpartition("/")
    if not slash or not _STEP.fullmatch(step):
        return None
    return next((one.path for one in list_versions(home) if one.name == text.rstrip("/")), None)


def version_name(path: Path) -> str:
    """What a checkpoint is called, by where it lies; empty for anything else."""
    run = RunFolder(path.parent.parent)
    name = _name_of(run) if _STEP.fullmatch(path.name) and path.parent == run.checkpoints else ""
    return f"{name}/{path.name}" if name else ""


def run_of(path: Path, home: Home) -> str:
    """The id of the run a path is a checkpoint of; empty where it is none of this home's."""
    run = RunFolder(path.parent.parent)
    inside = _STEP.fullmatch(path.name) and path.parent == run.checkpoints and run.root.parent == home.runs
    return run.id if inside and ".." not in path.parts else ""


def loss_of(path: Path) -> float | None:
    """The smoothed loss of the training when the checkpoint was written; None where its record does not tell."""
    try:
        with (path / RECORD).open("rb") as file:
            value = json.loads(file.read(_LONGEST)).get("smoothed_loss")
    except (OSError, ValueError, RecursionError, AttributeError):
        return None  # it informs, and whoever attaches the checkpoint is told what is wrong
    return float(value) if type(value) is float and abs(value) < 1e9 else None


def _runs(home: Home) -> list[RunFolder]:
    try:
        return [RunFolder(Path(entry.path)) for entry in visible(home.runs)]
    except OSError:
        return []  # the list of runs tells it


def _versions(run: RunFolder) -> Iterator[Version]:
    try:
        steps = [Path(entry.path) for entry in visible(run.checkpoints) if _STEP.fullmatch(entry.name)]
    except OSError:
        return
    if steps and (name := _name_of(run)):
        for step in sorted(steps, key=lambda path: int(path.name.removeprefix("step-"))):
            yield Version(f"{name}/{step.name}", step)


def _name_of(run: RunFolder) -> str:
    try:
        return printable(msgspec.toml.decode(run.run_file.read_bytes(), type=_Named).name)
    except (OSError, ValueError):
        return ""
