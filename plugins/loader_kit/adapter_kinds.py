"""Which kinds of adapter can be attached: what PEFT can write, and why some of it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desktop.api import LoaderError

from .config_check import plain, refuse_nonsense

HARMLESS_STARTS = ("true", "false", "gaussian", "eva", "orthogonal", "mica")
"""Values of `init_lora_weights` that leave the base's weights alone, beside the plain true and false."""

CONVERTIBLE_STARTS = ("pissa", "olora", "corda", "lora_ga")
"""Those that change the base's weights, for which PEFT can save the sum of both changes as an ordinary LoRA."""

PROMPTS = (
    "ADAPTION_PROMPT", "CARTRIDGE", "CPT", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "PROMPT_TUNING",
)  # fmt: skip
"""Kinds that train what the model is told, not its weights."""

REFUSED_OPTIONS = (
    ("alora_invocation_tokens", "acts only after certain tokens (aLoRA)"),
    ("arrow_config", "routes every token among other adapters (Arrow)"),
    ("kasa_config", "was trained on a base without its smallest singular values (KaSA)"),
    ("layer_replication", "repeats layers of the base"),
    ("target_parameters", "targets bare parameters (mixture of experts)"),
    ("use_bdlora", "has factors in blocks (BD-LoRA)"),
    ("use_qalora", "pools its inputs in groups (QA-LoRA)"),
)
"""Options of LoRA that make it something else than a sum of factors of the base's own linears, and the words for it."""


def refuse_unknown_kinds(config: Mapping[str, Any], name: str) -> None:
    """Raise LoaderError for what can't be attached and taken off again without changing the base."""
    kind = plain(config.get("peft_type", "LORA")).upper()
    if kind != "LORA":
        what = " It is a trained prompt, no change of the weights." if kind in PROMPTS else ""
        raise LoaderError(
            f"{name} is an adapter of the kind {kind}.{what} This program attaches LoRA adapters (and DoRA)."
            + ("" if what else " PEFT's save_as_lora makes a LoRA of some other kinds.")
        )
    refuse_nonsense(config, name)
    _refuse_start(config.get("init_lora_weights", True), name)
    for key, words in REFUSED_OPTIONS:
        # A group of settings asks for it even where it is empty; other options are off when false or empty.
        if config.get(key) or isinstance(config.get(key), Mapping):
            raise LoaderError(
                f"{name} {words}: its configuration sets {key}. This version can't attach and remove that exactly; "
                "get the adapter as a plain LoRA."
            )


def _refuse_start(start: Any, name: str) -> None:
    """Raise LoaderError if training began by changing the base, for the factors then fit that changed base only."""
    if not isinstance(start, str) or start.lower() in HARMLESS_STARTS:
        return
    if start.lower().startswith(CONVERTIBLE_STARTS):
        raise LoaderError(
            f"{name} was trained from {plain(start)}, which changes the base model. Save it again with PEFT's "
            "path_initial_model_for_weight_conversion to make it an ordinary LoRA."
        )
    if start.lower() == "loftq":
        raise LoaderError(
            f"{name} was trained from loftq, which changes the base model. It acts rightly on that changed base only; "
            "get an adapter that was trained from another start."
        )
    raise LoaderError(
        f"{name} was trained from {plain(start)}, a start (init_lora_weights) that this version doesn't know. "
        "It may have changed the base model; get the adapter as a plain LoRA."
    )
