"""The hooks of the ExLlama loader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from desktop.api import AttachReceipt, LoaderInfo, LoadRequest, Lora, Model, Progress, Verdict, hookimpl


@hookimpl
def describe() -> LoaderInfo:
    """What this loader is and what it can do here."""
    from .info import loader_info

    return loader_info()


@hookimpl
def probe(path: Path) -> Verdict:
    """What the model is, and whether this loader is the one for it."""
    from .probe import verdict

    return verdict(path)


@hookimpl
def load(request: LoadRequest, progress: Progress) -> Model | None:
    """Load what `probe` says fits, with ExLlama or ExLlamaV2. Raises LoaderError."""
    from .loading import load_model

    return load_model(request, progress)


@hookimpl
def apply_lora(model: Model, lora: Lora) -> AttachReceipt:
    """Attach one adapter or change its weight."""
    from .model import require_exllama_model

    return require_exllama_model(model).stack.apply(lora)


@hookimpl
def remove_lora(model: Model, lora: Lora) -> None:
    """Detach one adapter: the base's weights were never touched."""
    from .model import require_exllama_model

    require_exllama_model(model).stack.remove(lora)


@hookimpl
def set_stack(model: Model, loras: Sequence[Lora]) -> list[AttachReceipt]:
    """Make these rows the whole stack, in this order."""
    from .model import require_exllama_model

    return require_exllama_model(model).stack.replace(loras)
