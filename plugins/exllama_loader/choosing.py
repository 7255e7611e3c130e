"""Which of the two engines opens a checkpoint, and why not the other. Imports neither, nor torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from desktop.api import LoaderError
from loader_kit.gptq_checkpoint import PLAIN_PACKINGS, GptqCheckpoint

from .engine_config import ARCHITECTURES, rope_scaling

ORDER = ("exllamav2", "exllama")
"""ExLlamaV2 opens all that ExLlama does, and more, so it comes first where both are installed."""


def is_installed(engine: str) -> bool:
    """Whether the package is there. Looks only: importing one may start a compiler."""
    return find_spec(engine) is not None


def why_neither(found: GptqCheckpoint) -> str:
    """Why neither engine opens it; empty where one does."""
    if found.method == "EXL2":
        return ""
    if found.model_type not in ARCHITECTURES:
        return f"ExLlama opens GPTQ models of the Llama architecture, and this is {found.model_type or 'unknown'}."
    if found.bits != 4 or found.mixed:
        return "ExLlama computes with 4 bits only; the AutoGPTQ and GPTQ-for-LLaMa loaders take other sizes."
    if found.layout == "zeros":
        return "ExLlama doesn't know this format; the GPTQ-for-LLaMa loader is made for it."
    if found.packing not in PLAIN_PACKINGS:
        return f"It was packed for one kernel ({found.packing}); get it in the ordinary GPTQ format."
    return "" if found.safetensors else "ExLlama reads .safetensors only. Get the model in that format."


def why_not_first(found: GptqCheckpoint, config: Mapping[str, Any]) -> str:
    """Why ExLlama itself doesn't open what ExLlamaV2 opens, as the end of a sentence; empty where it does."""
    sizes = config.get("hidden_size"), config.get("num_attention_heads")
    scaling = rope_scaling(config).get("type", "linear")
    reasons = (
        (found.method == "EXL2", "it is EXL2"),
        (found.model_type != "llama", f"its architecture is {found.model_type}"),
        (found.packing == "gptq_v2", "ExLlama adds one to every zero point, and this format wants none added"),
        (len(found.files) > 1, "it is in several files"),
        (bool(found.act_order) and found.group_size == -1, "it has act-order without groups"),
        (bool(config.get("tie_word_embeddings")), "it has no output head of its own"),
        (bool(config.get("attention_bias") or config.get("mlp_bias")), "its linears have biases"),
        (config.get("head_dim") not in {None, _quotient(*sizes)}, "its heads have a width of their own"),
        (scaling != "linear", f"it scales positions in a way ExLlama doesn't know ({scaling})"),
        (config.get("hidden_act", "silu") != "silu", f"its activation is {config.get('hidden_act')}"),
    )
    return next((words for applies, words in reasons if applies), "")


def choose(
    found: GptqCheckpoint,
    config: Mapping[str, Any],
    wanted: str,
    installed: Callable[[str], bool] = is_installed,
) -> str:
    """The engine for a checkpoint that one of them opens. Raises LoaderError, saying what to install or to set."""
    why = why_not_first(found, config)
    if wanted == "exllama" and why:
        raise LoaderError(f"ExLlama doesn't open this model: {why}. Leave the setting engine out, or set exllamav2.")
    if wanted != "auto":
        if not installed(wanted):
            raise LoaderError(f"The package {wanted} is not installed here. {how_to_install(wanted)}")
        return wanted
    able = [engine for engine in ORDER if engine == "exllamav2" or not why]
    there = next((engine for engine in able if installed(engine)), None)
    if there is None:
        more = f" (ExLlama doesn't open it: {why}.)" if why and installed("exllama") else ""
        raise LoaderError(f"The package exllamav2, which opens this model, is not installed here.{more} "
                          f"{how_to_install('exllamav2')}")  # fmt: skip
    return there


def how_to_install(engine: str) -> str:
    """What to do for a package that is missing."""
    if engine == "exllama":
        # It asks for a safetensors of 2023, with which transformers can't be.
        return "Install it with `pip install --no-deps exllama==0.1.0` and `pip install ninja sentencepiece`."
    return "`lora-deck loaders setup exllama` makes an interpreter with it."


def elsewhere(found: GptqCheckpoint) -> str:
    """Which loader opens the same checkpoint without a card."""
    if found.method == "EXL2":
        return "No other loader opens EXL2: get the model as GPTQ, or its original weights, which open without a card."
    loader = "AutoGPTQ" if found.configured else "GPTQ-for-LLaMa"
    return f"The {loader} loader opens this model without a card."


def _quotient(width: object, heads: object) -> int | None:
    return width // heads if isinstance(width, int) and isinstance(heads, int) and heads > 0 else None
