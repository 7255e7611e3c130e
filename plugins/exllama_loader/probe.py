"""Whether a model is one for ExLlama or ExLlamaV2, judged from its configuration and its headers."""

from __future__ import annotations

from pathlib import Path

from desktop.api import LoaderError, Verdict
from loader_kit.gptq_files import find_files
from loader_kit.gptq_format import recognise

from .choosing import why_neither, why_not_first


def verdict(path: Path) -> Verdict:
    """The verdict about a folder or a single file."""
    try:
        found = recognise(path)
        config = find_files(path).config or {}
    except LoaderError as error:
        return Verdict(fits=False, reason=str(error))
    refused = why_neither(found)
    if refused:
        return found.refused(refused)
    late = why_not_first(found, config)
    return found.fits(
        native=found.method == "EXL2", more="ExLlamaV2 opens it." if late else "ExLlama and ExLlamaV2 open it."
    )
