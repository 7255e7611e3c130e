"""How the learning rate rises and falls, as transformers' schedules of the same names have it."""

from __future__ import annotations

import math

from desktop.api import TrainSettings


def warmup_steps(settings: TrainSettings, total: int) -> int:
    """Steps in which the learning rate rises; a setting below 1 is a share of all steps."""
    return math.ceil(settings.warmup * total) if settings.warmup < 1 else int(settings.warmup)


def learning_rate(settings: TrainSettings, step: int, total: int) -> float:
    """The learning rate of one step, counted from 0."""
    warmup = warmup_steps(settings, total)
    if step < warmup:
        return settings.learning_rate * step / warmup
    if settings.schedule == "constant":
        return settings.learning_rate
    share = (step - warmup) / max(1, total - warmup)
    if settings.schedule == "linear":
        return settings.learning_rate * max(0.0, 1 - share)
    return settings.learning_rate * max(0.0, 0.5 * (1 + math.cos(math.pi * share)))
