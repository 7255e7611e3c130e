"""A model's configuration as ExLlama and ExLlamaV2 read it, who know how they were written in 2023 to 2025.

Both read `rope_theta` and `rope_scaling` at the top, where transformers 5 writes `rope_parameters`, and compute with
10000 where it is missing, without a word. Null is no value to them, and ExLlama sets the embedding of the padding token
to zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desktop.api import LoaderError

ARCHITECTURES = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM"}
"""Model types whose layers have the projections that adapters act on, each under its own name."""

_SIZES = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size")
_DEFAULTS = {"initializer_range": 0.02, "rms_norm_eps": 1e-6, "bos_token_id": 1, "eos_token_id": 2}


def engine_config(config: Mapping[str, Any], quantisation: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration to give to either engine. Raises LoaderError where it lacks a size.

    `quantisation` is how the model was quantised, from whichever file says it.
    """
    plain = {key: value for key, value in config.items() if value is not None and key != "rope_parameters"}
    lacking = [name for name in _SIZES if not isinstance(plain.get(name), int)]
    if lacking:
        raise LoaderError(f"The model's config.json has no {lacking[0]}. Download it again from the original model.")
    for name, value in _DEFAULTS.items():
        plain.setdefault(name, value)
    for name in ("bos_token_id", "eos_token_id"):
        if isinstance(plain[name], list):
            plain[name] = plain[name][0]
    # Any number that is a token: what ExLlama does to that token's embedding is undone after loading.
    plain["pad_token_id"] = 0
    plain["architectures"] = [ARCHITECTURES.get(str(config.get("model_type")), "LlamaForCausalLM")]
    plain["rope_theta"] = rope_theta(config)
    scaling = rope_scaling(config)
    plain.pop("rope_scaling", None)
    if scaling:
        plain["rope_scaling"] = scaling
    plain["quantization_config"] = dict(quantisation)
    return plain


def rope_theta(config: Mapping[str, Any]) -> float:
    """The base of the rotary embedding (arXiv 2104.09864), wherever the configuration has it."""
    parameters = config.get("rope_parameters") or {}
    value = config.get("rope_theta") or parameters.get("rope_theta") or 10_000.0
    return float(value)


def rope_scaling(config: Mapping[str, Any]) -> dict[str, Any]:
    """How positions are scaled, with its kind under "type"; empty where they are not."""
    found = dict(config.get("rope_scaling") or config.get("rope_parameters") or {})
    kind = found.pop("rope_type", None)
    kind = found.pop("type", None) or kind or "default"
    found.pop("rope_theta", None)
    return {} if kind == "default" else {"type": kind, **found}
