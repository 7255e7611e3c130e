"""What the context of a model costs in memory, from its configuration alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from desktop.api import LoaderError
from desktop.api.checkpoints import read_json


class MemoryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Zeros stand for what the configuration doesn't tell."""

    context_length: int = 0
    """Tokens the model was made for."""
    kv_bytes_a_token: int = 0
    """Bytes the KV cache grows by with each token, at two bytes a number."""


def read_memory_facts(path: Path) -> MemoryFacts:
    """The facts about a model folder, or about the folder of a single file; zeros where nothing can be read."""
    folder = path if path.is_dir() else path.parent
    try:
        config = read_json(folder / "config.json")
    except LoaderError:
        return MemoryFacts()  # broken folders are told by whoever lists or loads them
    inner = config.get("text_config")
    return memory_facts(inner if isinstance(inner, dict) else config)


def memory_facts(config: dict[str, Any]) -> MemoryFacts:
    """From a configuration as transformers writes it.

    A token's keys and values take 2 * layers * KV heads * head size numbers (arXiv 2305.13245, section 2).
    """
    layers = _whole(config, "num_hidden_layers", "n_layer")
    heads = _whole(config, "num_attention_heads", "n_head")
    hidden = _whole(config, "hidden_size", "n_embd")
    kv_heads = _whole(config, "num_key_value_heads") or heads
    size = _whole(config, "head_dim") or (hidden // heads if heads else 0)
    context = _whole(config, "max_position_embeddings", "n_positions")
    return MemoryFacts(context_length=context, kv_bytes_a_token=2 * layers * kv_heads * size * 2)


def _whole(config: dict[str, Any], *names: str) -> int:
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**40:
            return value
    return 0
