"""Which kinds of adapter can be attached: what PEFT can write, and why some of it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desktop.api import LoaderError

from .config_check import plain, refuse_nonsense

BASE_CHANGING = ("pissa", "olora", "corda", "loftq", "mica", "lora_ga")
"""Initialisations that change the base's weights; an adapter saved as it stands fits that changed base only."""


def refuse_unknown_kinds(config: Mapping[str, Any], name: str) -> None:
    """Raise LoaderError for what can't be attached and taken off again without changing the base."""
    kind = plain(config.get("peft_type", "LORA")).upper()
    if kind != "LORA":
        raise LoaderError(f"{name} is an adapter of the kind {kind}. This program attaches LoRA adapters (and DoRA).")
    refuse_nonsense(config, name)
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower().startswith(BASE_CHANGING):
        raise LoaderError(
            f"{name} was trained from {plain(start)}, which changes the base model. Save it again with PEFT's "
            "path_initial_model_for_weight_conversion to make it an ordinary LoRA."
        )
    for key, words in (
        ("modules_to_save", "brings whole modules of its own"),
        ("trainable_token_indices", "brings trained tokens"),
        ("layer_replication", "repeats layers of the base"),
        ("alora_invocation_tokens", "acts only after certain tokens (aLoRA)"),
        ("target_parameters", "targets bare parameters (mixture of experts)"),
    ):
        if config.get(key):
            raise LoaderError(f"{name} {words} ({key}), which this version can't attach and remove exactly.")
    if config.get("bias", "none") != "none" or config.get("lora_bias"):
        raise LoaderError(f"{name} changes biases of the base, which this version can't attach and remove exactly.")
