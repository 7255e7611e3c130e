"""What the ExLlama loader says of itself. Looks for packages and a graphics card, imports no backend."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from desktop.api import Capabilities, LoaderInfo
from loader_kit.gptq_checkpoint import NOT_YET
from loader_kit.installed import versions

ENGINES = ("exllama", "exllamav2", "torch")
DEVICES = Path("/dev")


def loader_info() -> LoaderInfo:
    """Title, availability, capabilities."""
    return LoaderInfo(
        title="ExLlama",
        summary="Llama models in 4-bit GPTQ, and EXL2 models, on NVIDIA cards.",
        available=False,
        reason=" ".join([NOT_YET, *_lacking()]),
        capabilities=Capabilities(many_adapters=False, weights=False, hot_removal=False, sampling=()),
        versions=versions(*ENGINES),
    )


def has_nvidia_card() -> bool:
    """Whether there is an NVIDIA card with its driver. Not asked of torch: importing that takes seconds."""
    return any(DEVICES.glob("nvidia[0-9]*")) or shutil.which("nvidia-smi") is not None


def _lacking() -> list[str]:
    """What this machine would need besides."""
    lacking = []
    if not has_nvidia_card():
        lacking.append("Besides, ExLlama computes on NVIDIA cards with CUDA only, and there is none here.")
    # exllama's __init__ is empty and exllamav2 is only looked for: neither is imported, which could start a compiler.
    if find_spec("exllama") is None and find_spec("exllamav2") is None:
        lacking.append("Neither of the packages exllama and exllamav2 is installed here.")
    return lacking
