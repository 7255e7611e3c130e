"""Whether a model is one for AutoGPTQ, judged from its configuration and its headers."""

from __future__ import annotations

from pathlib import Path

from desktop.api import LoaderError, Verdict
from loader_kit.gptq_checkpoint import PLAIN_PACKINGS
from loader_kit.gptq_format import recognise


def verdict(path: Path) -> Verdict:
    """The verdict about a folder or a single file."""
    try:
        found = recognise(path)
    except LoaderError as error:
        return Verdict(fits=False, reason=str(error))
    if found.method == "EXL2":
        return found.refused("The ExLlama loader is made for it.")
    if found.packing not in PLAIN_PACKINGS:
        return found.refused(f"It was packed for one kernel ({found.packing}); get it in the ordinary GPTQ format.")
    if found.layout == "zeros":
        return found.refused("AutoGPTQ never knew this format; the GPTQ-for-LLaMa loader is made for it.")
    if found.configured:
        return found.fits(native=True)
    if found.bits is None:
        return found.refused("It has no quantize_config.json, and its tensors don't say how many bits they have.")
    return found.fits(native=False, more="It has no configuration; the GPTQ-for-LLaMa loader is made for such files.")
