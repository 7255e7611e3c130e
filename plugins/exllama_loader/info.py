"""What the ExLlama loader says of itself. Looks for packages and a graphics card, imports no backend."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from desktop.api import Capabilities, LoaderInfo, settings_schema
from loader_kit.gptq_capabilities import CAPABILITIES
from loader_kit.installed import versions

from .settings import Settings

ENGINES = ("exllama", "exllamav2", "torch", "transformers")
DEVICES = Path("/dev")

NO_CARD = "ExLlama computes on NVIDIA cards with CUDA only, and there is none here."
INSTEAD = (
    "The AutoGPTQ and GPTQ-for-LLaMa loaders open the same GPTQ models on the CPU; instead of EXL2, get the model as "
    "GPTQ or its original weights."
)
NO_ENGINE = (
    "Neither of the packages exllamav2 and exllama is installed here. `lora-deck loaders setup exllama` makes an "
    "interpreter with exllamav2."
)


def loader_info() -> LoaderInfo:
    """Title, availability, capabilities, settings."""
    lacking = why_unavailable()
    return LoaderInfo(
        title="ExLlama",
        summary="Llama models in 4-bit GPTQ, and EXL2 models, on NVIDIA cards.",
        available=not lacking,
        reason=f"{lacking} {INSTEAD}" if lacking else "",
        capabilities=Capabilities(logits=True, live_changes=True, sampling=CAPABILITIES.sampling),
        settings=settings_schema(Settings),
        # Not the engines: importing one may start a compiler.
        warm=(
            "torch",
            "transformers.models.auto.tokenization_auto",
            "loader_kit.torch_model",
            "exllama_loader.loading",
        ),
        # An interpreter of its own helps nobody who has no card.
        requirements="exllama_loader/requirements.txt" if has_nvidia_card() else "",
        versions=versions(*ENGINES),
    )


def why_unavailable() -> str:
    """What this machine lacks, and what to do; empty where nothing."""
    if not has_nvidia_card():
        return NO_CARD
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            return f"The package {package} is not installed here. Install it with pip."
    # exllama's __init__ is empty and exllamav2 is only looked for: neither is imported, which could start a compiler.
    if find_spec("exllama") is None and find_spec("exllamav2") is None:
        return NO_ENGINE
    torch = versions("torch").get("torch", "")
    if torch.endswith("+cpu"):
        return f"There is an NVIDIA card, but torch {torch} is built for the CPU. Install a CUDA build of torch."
    return ""


def has_nvidia_card() -> bool:
    """Whether there is an NVIDIA card with its driver. Not asked of torch: importing that takes seconds."""
    return any(DEVICES.glob("nvidia[0-9]*")) or shutil.which("nvidia-smi") is not None
