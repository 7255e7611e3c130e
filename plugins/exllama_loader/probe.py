"""Whether a model is one for ExLlama or ExLlamaV2, judged from its configuration and its headers."""

from __future__ import annotations

from pathlib import Path

from desktop.api import LoaderError, Verdict
from loader_kit.gptq_checkpoint import PLAIN_PACKINGS, GptqCheckpoint
from loader_kit.gptq_format import recognise


def verdict(path: Path) -> Verdict:
    """The verdict about a folder or a single file."""
    try:
        found = recognise(path)
    except LoaderError as error:
        return Verdict(fits=False, reason=str(error))
    if found.method == "EXL2":
        return found.fits(native=True, more="ExLlamaV2 opens it.")
    why_not = _why_not(found)
    if why_not:
        return found.refused(why_not)
    # ExLlama itself adds one to every zero point and takes a single file.
    late = found.packing == "gptq_v2" or len(found.files) > 1
    return found.fits(native=False, more="ExLlamaV2 opens it." if late else "ExLlama and ExLlamaV2 open it.")


def _why_not(found: GptqCheckpoint) -> str:
    """Why neither engine opens a GPTQ model; empty where one does."""
    if found.model_type != "llama":
        return f"ExLlama opens GPTQ models of the Llama architecture, and this is {found.model_type or 'unknown'}."
    if found.bits != 4 or found.mixed:
        return "ExLlama computes with 4 bits only; the AutoGPTQ and GPTQ-for-LLaMa loaders take other sizes."
    if found.layout == "zeros":
        return "ExLlama doesn't know this format; the GPTQ-for-LLaMa loader is made for it."
    if found.packing not in PLAIN_PACKINGS:
        return f"It was packed for one kernel ({found.packing}); get it in the ordinary GPTQ format."
    return "" if found.safetensors else "ExLlama reads .safetensors only. Get the model in that format."
