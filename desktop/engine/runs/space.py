"""Whether a run's checkpoints and its result fit on the disk, said before the first step."""

from __future__ import annotations

import shutil

from desktop.api import LoaderError, TrainSettings, TrainStarted

from .folder import RunFolder

_STATES = {"adamw": 2.0, "adamw8bit": 0.6, "sgd": 0.0}
"""Numbers an optimiser keeps for each trained one, in fp32's four bytes."""
_SPARE = 64 * 1024 * 1024
"""Bytes for the log, the configuration files and everybody else."""


def bytes_needed(settings: TrainSettings, started: TrainStarted) -> int:
    """The most a run writes from here on: its checkpoints, one of them twice while it is replaced, and the result in
    the run's folder and in the library."""
    adapter = 4 * started.trainable_parameters
    checkpoint = round(adapter * (1 + _STATES[settings.optimizer]))
    left = started.steps - started.first_step
    saves = left // settings.save_every if settings.save_every else 0
    kept = min(saves, settings.keep_checkpoints) if settings.keep_checkpoints else saves
    return checkpoint * (kept + 1 if kept else 0) + 2 * adapter + _SPARE


def check_space(folder: RunFolder, settings: TrainSettings, started: TrainStarted) -> None:
    """Raises LoaderError with both numbers where it would not fit."""
    needed, free = bytes_needed(settings, started), shutil.disk_usage(folder.root).free
    if needed > free:
        raise LoaderError(
            f"The disk has {free / 1e9:.2f} GB free and this run may write {needed / 1e9:.2f} GB. Free some space, "
            "keep fewer checkpoints (keep_checkpoints) or write them less often (save_every). Nothing was trained."
        )
