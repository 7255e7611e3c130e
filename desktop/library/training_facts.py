"""What the files beside an adapter tell of its training: those of transformers' Trainer and text-generation-webui."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from .places import printable

STATE = "trainer_state.json"
LOG = "training_log.json"
"""Of text-generation-webui."""
_ARGUMENTS = ("training_args.json", "training_parameters.json")
_LIMIT = 64 * 1024 * 1024
"""Bytes of a file that is read; the state of a week's training has some megabytes."""
_TOLD = (
    "learning_rate", "lr_scheduler_type", "warmup_ratio", "warmup_steps", "weight_decay", "optim", "batch_size",
    "micro_batch_size", "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "epochs",
    "max_length", "max_seq_length", "cutoff_len", "dataset", "format", "seed",
)  # fmt: skip
"""Arguments of a training that make a difference to the adapter."""


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """How the adapter came to be."""

    files: tuple[str, ...]
    """Where this was read."""
    steps: int = 0
    planned_steps: int = 0
    epochs: float = 0.0
    loss: float | None = None
    """The last one that was logged."""
    evaluation_loss: float | None = None
    """The last one that was logged."""
    arguments: dict[str, str] = {}
    """What it was told, such as the learning rate, as it stands in the file."""


def read_training(folder: Path) -> tuple[Training | None, tuple[str, ...]]:
    """What the files tell, None where there are none; and a sentence for each that can't be read."""
    notes: list[str] = []
    read = {name: _read(folder / name, notes) for name in (STATE, LOG, *_ARGUMENTS)}
    files = tuple(name for name, value in read.items() if value)
    if not files:
        return None, tuple(notes)
    state, log = read[STATE], read[LOG]
    history = state.get("log_history")
    rows = [row for row in history if isinstance(row, dict)] if isinstance(history, list) else []
    training = Training(
        files=files,
        steps=_count(state.get("global_step", log.get("current_steps"))),
        planned_steps=_count(state.get("max_steps")),
        epochs=_number(state.get("epoch", log.get("epoch"))) or 0.0,
        loss=_last(rows, "loss") if rows else _number(log.get("loss")),
        evaluation_loss=_last(rows, "eval_loss"),
        arguments=_arguments(read[name] for name in _ARGUMENTS),
    )
    return training, tuple(notes)


def _read(path: Path, notes: list[str]) -> dict[str, Any]:
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            value = json.loads(file.read(_LIMIT))
    except (OSError, ValueError, RecursionError) as error:
        notes.append(printable(f"{path.name} can't be read ({error}), so part of how it was trained is not known."))
        return {}
    return value if isinstance(value, dict) else {}


def _arguments(read: Iterable[dict[str, Any]]) -> dict[str, str]:
    found = {}
    for arguments in read:
        for name in _TOLD:
            value = arguments.get(name)
            if isinstance(value, str | int | float) and value not in {"", "None"}:
                found[name] = printable(str(value)[:200])
    return found


def _last(rows: list[dict[str, Any]], name: str) -> float | None:
    return next((_number(row[name]) for row in reversed(rows) if name in row), None)


def _number(value: object) -> float | None:
    # A whole number may be too large for a float, and True is one.
    if type(value) is float or (type(value) is int and abs(value) < 2**53):
        return float(value)
    return None


def _count(value: object) -> int:
    return value if type(value) is int and 0 < value < 2**53 else 0
