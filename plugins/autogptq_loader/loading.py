"""Loads AutoGPTQ and GPTQModel checkpoints, in the convention for zero points of the program that wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from desktop.api import LoaderError, LoadRequest, Model, Progress, read_settings
from loader_kit.gptq_files import find_files
from loader_kit.gptq_format import recognise
from loader_kit.gptq_loading import load_gptq
from loader_kit.gptq_unpacking import ZeroConvention

from .engines import OURS, choose
from .probe import verdict
from .settings import Settings


def load_model(request: LoadRequest, progress: Progress) -> Model:
    """Load a folder or a file. Raises LoaderError for what this loader does not open, and for what is broken."""
    path = Path(request.path)
    judged = verdict(path)
    if not judged.fits:
        raise LoaderError(judged.reason)
    found, says = recognise(path), find_files(path).quantisation or {}
    engine = choose(found, says, read_settings(Settings, request.settings).engine)
    if engine != OURS:
        from .foreign_loading import load_foreign

        return load_foreign(engine, request, found, progress)
    return load_gptq(request, zero_convention(says), progress)


def zero_convention(says: dict[str, Any]) -> ZeroConvention:
    """How the writer of this quantisation configuration stored zero points."""
    if str(says.get("checkpoint_format") or says.get("format") or "").lower() == "gptq_v2":
        return "exact"
    meta = says.get("meta")
    quantizers = meta.get("quantizer") if isinstance(meta, dict) else None
    names = quantizers if isinstance(quantizers, list) else [quantizers]
    by_gptqmodel = any(str(name).lower().startswith("gptqmodel") for name in names)
    return "plus_one_carried" if by_gptqmodel else "plus_one_masked"
