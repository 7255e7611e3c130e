"""The hooks of the ExLlama loader."""

from __future__ import annotations

from pathlib import Path

from desktop.api import AttachReceipt, LoaderInfo, LoadRequest, Lora, Model, Progress, Unsupported, Verdict, hookimpl


@hookimpl
def describe() -> LoaderInfo:
    """What this loader is and why it can't load here."""
    from .info import loader_info

    return loader_info()


@hookimpl
def probe(path: Path) -> Verdict:
    """What the model is, and whether this loader is the one for it."""
    from .probe import verdict

    return verdict(path)


@hookimpl
def load(request: LoadRequest, progress: Progress) -> Model | None:
    """Says what the model is and why it can't be loaded yet. Raises LoaderError."""
    from loader_kit.gptq_checkpoint import not_loadable_yet

    from .probe import verdict

    raise not_loadable_yet(verdict(Path(request.path)))


@hookimpl
def apply_lora(model: Model, lora: Lora) -> AttachReceipt:
    """Raises Unsupported: no model of this loader exists."""
    raise Unsupported(_NO_MODEL)


@hookimpl
def remove_lora(model: Model, lora: Lora) -> None:
    """Raises Unsupported: no model of this loader exists."""
    raise Unsupported(_NO_MODEL)


_NO_MODEL = "This version can't load a model with ExLlama, so there is none to attach adapters to or take them off."
