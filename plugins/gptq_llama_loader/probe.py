"""Whether a model is one of GPTQ-for-LLaMa, judged from its names and its headers."""

from __future__ import annotations

from pathlib import Path

from desktop.api import LoaderError, Verdict
from loader_kit.gptq_format import recognise


def verdict(path: Path) -> Verdict:
    """The verdict about a folder or a single file."""
    try:
        found = recognise(path)
    except LoaderError as error:
        return Verdict(fits=False, reason=str(error))
    if found.method == "EXL2":
        return found.refused("The ExLlama loader is made for it.")
    if found.packing != "gptq":
        # GPTQ-for-LLaMa adds one to every zero point it reads; in these files they are stored as they are, or
        # the weights are in another order altogether.
        return found.refused(f"It was packed as {found.packing}; the AutoGPTQ loader is made for later formats.")
    if found.configured:
        return found.fits(native=False, more="It has a configuration; the AutoGPTQ loader is made for it.")
    if found.bits is None:
        return found.refused("Neither its name nor its tensors say how many bits they have. Name it like x-4bit-128g.")
    return found.fits(native=True, more="It has no configuration, as GPTQ-for-LLaMa wrote its files.")
