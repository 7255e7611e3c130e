"""The hooks of a loader plugin. Three make a loader: `load`, `apply_lora`, `remove_lora`; the rest is optional.

Hooks run in an engine process or in the describer process, always on its main thread, never in the shell.
After `load` has returned a model, the hooks about that model are called on the loader that made it and on no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pluggy

from .adapters import AttachReceipt, Lora
from .loaders import LoaderInfo, Verdict
from .loading import LoadRequest, Progress
from .model import Model

PROJECT = "lora_deck"
hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec(firstresult=True)
def load(request: LoadRequest, progress: Progress) -> Model | None:
    """Load the model at `request.path`; None means "not mine". May raise LoaderError."""


@hookspec(firstresult=True)
def apply_lora(model: Model, lora: Lora) -> AttachReceipt:  # type: ignore[empty-body]
    """Attach one adapter, or change its weight if `lora.id` is attached. On LoaderError nothing has changed."""


@hookspec
def remove_lora(model: Model, lora: Lora) -> None:
    """Detach one adapter: afterwards the model computes, to the bit, what it did before that adapter came."""


@hookspec(firstresult=True)
def set_stack(model: Model, loras: Sequence[Lora]) -> Sequence[AttachReceipt]:  # type: ignore[empty-body]
    """Optional: make `loras` the whole stack, all or nothing. Without it the engine uses the two hooks above."""


@hookspec(firstresult=True)
def describe() -> LoaderInfo:  # type: ignore[empty-body]
    """Optional: title, whether it can run here and if not why, capabilities, settings. Imports no backend."""


@hookspec(firstresult=True)
def probe(path: Path) -> Verdict:  # type: ignore[empty-body]
    """Optional: can this model be loaded? Reads configuration and headers only; a refusal says why in words."""
