"""How much memory a run takes, estimated from sizes alone."""

from __future__ import annotations

from typing import Any

import torch

from desktop.api import TrainSettings
from loader_kit.devices import available_memory

from .loss import LOGITS_BYTES
from .prepared import RESERVE, is_slow, wide_copy_bytes

AT_ONCE = {"cpu": 1024, "cuda": 8192}
"""Tokens in one pass where memory allows: from here on a pass gains no speed from more."""


def memory_estimate(model: Any, settings: TrainSettings, parameters: int, tokens: int) -> int:
    """Peak bytes with `tokens` computed at once and so many numbers trained.

    weights (and their float32 copy on a CPU without bfloat16)
    + 4 bytes * numbers * (1 factor + 1 gradient + the optimiser's 2 moments, half a number in 8 bits, none with SGD)
    + tokens * bytes a token (see `token_bytes`) + three pieces of logits.
    """
    moments = {"adamw": 2.0, "adamw8bit": 0.5, "sgd": 0.0}[settings.optimizer]
    weights = int(model.get_memory_footprint()) + (wide_copy_bytes(model) if is_slow(model) else 0)
    return weights + int(4 * parameters * (2 + moments)) + tokens * token_bytes(model, settings) + 3 * LOGITS_BYTES


def token_bytes(model: Any, settings: TrainSettings) -> int:
    """Bytes kept for the way back for one token.

    A layer keeps about 14 numbers for each of the hidden width (norms, queries, keys, values, what attention gives,
    residuals) and 5 for each of the inner width (gate, up, their product, and what the activation keeps). With
    gradient checkpointing only its input is kept, and one layer in full at a time. Magnitudes (DoRA) keep what each
    linear gives before it is rescaled: 5 more of the hidden width and 2 of the inner.
    """
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    hidden = int(getattr(config, "hidden_size", 0) or model.get_input_embeddings().weight.shape[1])
    inner = int(getattr(config, "intermediate_size", 0) or 4 * hidden)
    layers = int(getattr(config, "num_hidden_layers", 0) or 1)
    a_layer = (19 * hidden + 7 * inner) if settings.dora else (14 * hidden + 5 * inner)
    numbers = layers * hidden + a_layer if settings.gradient_checkpointing else layers * a_layer
    kind = model.get_input_embeddings().weight.dtype
    return numbers * (4 if is_slow(model) or kind == torch.float32 else 2)


def choose_micro_batch(model: Any, settings: TrainSettings, parameters: int, longest: int) -> int:
    """Tokens to compute at once: what the settings say, else what fits into half of the memory that is free.

    At least the longest row.
    """
    if settings.micro_batch_tokens:
        return max(settings.micro_batch_tokens, longest)
    device = model.device.type
    free = int(torch.cuda.mem_get_info(model.device)[0]) if device == "cuda" else available_memory()
    fixed = memory_estimate(model, settings, parameters, 0) - int(model.get_memory_footprint()) + RESERVE
    fits = (free - fixed) // 2 // token_bytes(model, settings)
    return max(longest, min(AT_ONCE.get(device, AT_ONCE["cpu"]), fits))
