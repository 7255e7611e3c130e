"""Makes the starter model ready: fetched once, converted once, with its adapter beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from desktop.api import LoadRequest, ModelInfo, Progress
from desktop.discovery.choice import nobody_fits
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.engine.jobs import Job
from desktop.library.home import Home

from .fetch import StarterError, fetched_gguf
from .install import MODEL

Follow = Callable[[EngineClient, Job[ModelInfo | None]], object]
"""Waits for a conversion, showing how far it has come; it may end the engine to cancel it."""


def make_starter(home: Home, loaders: Loaders, tell: Progress, follow: Follow, wanted: str | None = None) -> Path:
    """The starter model's folder in the library; made where it is not there yet, whole or not at all.

    Raises StarterError, and what the job raises. Whatever `tell` raises ends the download.
    """
    target = home.models / MODEL
    if target.exists():
        return target
    with fetched_gguf(home.models, tell) as gguf:
        choices = loaders.probe(gguf, wanted)
        choice = next((choice for choice in choices if choice.can_load), None)
        if choice is None:
            raise StarterError(nobody_fits(gguf, choices))
        # Beside the download, so that nothing is left either where the engine is killed while it writes.
        made = gguf.with_name(MODEL)
        engine = EngineClient(loaders.launch(choice.found.ref), choice.found.ref, home.logs)
        try:
            engine.start()
            follow(engine, engine.load(LoadRequest(path=str(gguf), convert_to=str(made))))
        finally:
            engine.close()
        _put(made, target)
    return target


def _put(made: Path, target: Path) -> None:
    if not made.is_dir():
        raise StarterError("The starter model was fetched, but the loader did not convert it. Update LoRA Deck.")
    try:
        made.rename(target)
    except OSError:
        # Another LoRA Deck may have made it meanwhile, and one is as good as the other.
        if not target.is_dir():
            raise
