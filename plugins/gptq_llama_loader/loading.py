"""Loads GPTQ-for-LLaMa files of every era."""

from __future__ import annotations

from pathlib import Path

from desktop.api import LoaderError, LoadRequest, Model, Progress, read_settings
from loader_kit.gptq_loading import load_gptq

from .probe import verdict
from .settings import Settings


def load_model(request: LoadRequest, progress: Progress) -> Model:
    """Load a folder or a file. Raises LoaderError for what this loader does not open, and for what is broken."""
    settings = read_settings(Settings, request.settings)
    judged = verdict(Path(request.path))
    # A pickle without bits in its name is only refused for want of them; the user's word or the tensors have them.
    if not judged.fits and not (settings.wbits and judged.format):
        raise LoaderError(judged.reason)
    # It adds one to every zero point it reads and lets 15 become 16.
    return load_gptq(request, "plus_one", progress, wbits=settings.wbits, groupsize=settings.groupsize)
