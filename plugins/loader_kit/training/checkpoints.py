"""Checkpoints of a run: an adapter that PEFT reads, and beside it all that is needed to go on to the bit."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import torch

from desktop.api import LoaderError, TrainRequest, TrainSettings
from desktop.api.checkpoints import read_json
from loader_kit.adapter_files import read_tensors

from .adapter import TrainedAdapter
from .writing import write_folder

STATE = "state.json"
OPTIMIZER = "optimizer.safetensors"
RECORD = "lora_deck.json"
_NAME = re.compile(r"step-(\d+)")


class State(msgspec.Struct, kw_only=True):
    """Where a run is, besides its tensors."""

    step: int = 0
    """Optimiser steps that are done; with the seed it says which rows come next."""
    total_steps: int = 0
    smoothed_loss: float | None = None
    best_evaluation: float | None = None
    evaluations_without_improvement: int = 0
    micro_batch_tokens: int = 0
    """Tokens computed at once: sums in another order are rounded otherwise."""
    processes: int = 1
    """How many processes share the rows of each step."""
    data: str = ""
    """SHA-256 of the tokens that are learnt from."""
    settings: TrainSettings = TrainSettings()


class Restored(msgspec.Struct):
    """A checkpoint as read."""

    state: State
    adapter: dict[str, torch.Tensor]
    optimizer: dict[str, torch.Tensor]
    randomness: dict[str, torch.Tensor]


def record_of(request: TrainRequest, state: State, facts: dict[str, Any]) -> bytes:
    """What an adapter's folder tells of its training."""
    record = {
        "record": request.record,
        "settings": msgspec.to_builtins(state.settings),
        "steps": state.step,
        "planned_steps": state.total_steps,
        "smoothed_loss": state.smoothed_loss,
        "best_evaluation_loss": state.best_evaluation,
        "data_sha256": state.data,
        "continued_from": Path(request.continue_from).name,
        **facts,
    }
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def write_checkpoint(
    folder: Path,
    adapter: TrainedAdapter,
    state: State,
    tensors: dict[str, dict[str, torch.Tensor]],
    record: bytes,
) -> int:
    """Write a checkpoint; its bytes. `tensors` are the optimiser's and the random numbers', by those names."""
    from safetensors.torch import save

    flat = {f"{kind}/{name}": tensor for kind, some in tensors.items() for name, tensor in some.items()}
    files = adapter.files() | {
        OPTIMIZER: save(flat),
        STATE: msgspec.json.format(msgspec.json.encode(state)),
        RECORD: record,
    }
    return write_folder(folder, files)


def checkpoint_bytes(parameters: int, settings: TrainSettings) -> int:
    """About what a checkpoint takes on disk: float32 factors and two moments of each."""
    moments = {"adamw": 8, "adamw8bit": 3, "sgd": 0}[settings.optimizer]
    return parameters * (4 + moments) + 1024 * 1024


def read_checkpoint(folder: Path) -> Restored:
    """Raises LoaderError where it is none, or not whole."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not (folder / STATE).is_file():
        raise LoaderError(f"{folder} is no checkpoint of a run: there is no {STATE} in it. Choose another one.")
    try:
        state = msgspec.convert(read_json(folder / STATE), State)
        flat = load_file(folder / OPTIMIZER)
    except (OSError, SafetensorError, msgspec.ValidationError) as error:
        raise LoaderError(f"The checkpoint {folder} is damaged ({error}). Resume from an older one.") from error
    kinds: dict[str, dict[str, torch.Tensor]] = {"optimizer": {}, "randomness": {}}
    for name, tensor in flat.items():
        kind, _, key = name.partition("/")
        kinds[kind][key] = tensor
    return Restored(state, read_tensors(folder, folder.name), kinds["optimizer"], kinds["randomness"])


def prune(folder: Path, keep: int, spared: Path | None) -> None:
    """Delete all but the newest `keep` checkpoints in a folder; 0 keeps all. `spared` stays in any case."""
    if not keep:
        return
    for step in list_checkpoints(folder)[:-keep]:
        if spared is None or step.resolve() != spared.resolve():
            # The name goes first, so that what is half deleted is no checkpoint.
            going = step.rename(step.with_name(f".{step.name}.old"))
            shutil.rmtree(going, ignore_errors=True)


def list_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, the newest last."""
    found = [(int(match[1]), path) for path in folder.glob("step-*") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]
