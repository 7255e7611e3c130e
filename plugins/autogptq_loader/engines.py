"""Which engine computes a GPTQ checkpoint: another program's kernels, where they are, or our own linear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from desktop.api import LoaderError
from loader_kit.gptq_checkpoint import GptqCheckpoint

OURS = "ours"
FOREIGN = ("gptqmodel", "auto_gptq")
"""By the name of their package, the better kept one first."""

_AUTO_GPTQ_KNOWS = ("llama", "mistral", "mixtral", "qwen2", "gemma", "opt", "bloom", "gptj", "gpt_neox", "gpt2",
                    "falcon", "gpt_bigcode", "codegen")  # fmt: skip
"""Architectures that auto-gptq 0.7.1 and transformers 4.49 know."""


def is_installed(package: str) -> bool:
    """Whether it is there. Looks only: both change other libraries when they are imported."""
    return find_spec(package) is not None


def is_strange(found: GptqCheckpoint, says: Mapping[str, Any]) -> bool:
    """Whether GPTQModel takes it for another program's asymmetric checkpoint in the first format, which it refuses."""
    return found.packing == "gptq" and not says.get("sym", True) and not says.get("meta")


def why_not(engine: str, found: GptqCheckpoint, says: Mapping[str, Any]) -> str:
    """Why an engine can't open this checkpoint; empty where it can. `says` is its quantisation configuration."""
    if engine == OURS:
        return ""
    if not found.safetensors:
        return "it reads pickled files (.pt, .bin) in a way that executes what is in them"
    if engine == "auto_gptq":
        if found.packing != "gptq":
            return f"it doesn't know the format {found.packing}"
        if found.model_type not in _AUTO_GPTQ_KNOWS:
            return f"it doesn't know the architecture {found.model_type}"
        if found.mixed:
            return "it takes the same bits for all layers"
    elif is_strange(found, says) and not _means_the_same(found):
        return (
            "of asymmetric checkpoints in the first format it opens only its own, and it reads this one's differently"
        )
    return "" if found.configured else "the checkpoint has no configuration"


def _means_the_same(found: GptqCheckpoint) -> bool:
    from .zero_points import mean_the_same  # needs torch

    return mean_the_same(found)


def choose(
    found: GptqCheckpoint, says: Mapping[str, Any], wanted: str, installed: Callable[[str], bool] = is_installed
) -> str:
    """The engine for a checkpoint. Raises LoaderError where the one asked for can't be it."""
    if wanted in FOREIGN:
        if not installed(wanted):
            raise LoaderError(
                f"The package {wanted} is not installed where this loader runs. `lora-deck loaders setup autogptq "
                f"--engine {wanted}` makes an interpreter with it; or leave the setting engine out."
            )
        why = why_not(wanted, found, says)
        if why:
            raise LoaderError(f"{wanted} can't open this model: {why}. Leave the setting engine out.")
        return wanted
    if wanted == OURS:
        return OURS
    return next((engine for engine in FOREIGN if installed(engine) and not why_not(engine, found, says)), OURS)
