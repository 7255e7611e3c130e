"""The KV cache of the last sequence, kept so that the next prompt is read from its first changed token on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import torch

KINDS = ("DynamicLayer", "DynamicSlidingWindowLayer")
"""Layers of transformers' cache that keep keys and values."""


class Held(msgspec.Struct):
    """A sequence as a model has read it."""

    version: int
    """Of the model that read it."""
    cache: Any = None
    tokens: list[int] = []
    """What is in the cache."""
    cached: int = 0
    """How many tokens at the prompt's beginning another sequence had left there."""
    prompt: int = 0
    """Length of its prompt, where that was read to the end."""
    prompt_logits: torch.Tensor | None = None
    """Logits after its prompt, shape (1, vocabulary)."""


class KeptCache:
    """Holds one sequence at most."""

    def __init__(self) -> None:
        """Nothing is held."""
        self._held: Held | None = None

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return cache_bytes(self._held.cache) if self._held else 0

    def drop(self) -> None:
        """Give the memory back."""
        self._held = None

    def keep(self, held: Held) -> None:
        """Hold this sequence in the place of another."""
        self._held = held

    def take(self, tokens: Sequence[int], version: int) -> Held:
        """What is held, cut to what a prompt has in common with it, and no longer held; empty where that is nothing.

        At least one token of the prompt is left to be read, unless it is the held sequence's own prompt: then its
        logits come along, so that the same prompt is answered from the same numbers.
        """
        held, self._held = self._held, None
        if held is None or held.version != version or not can_be_cropped(held.cache):
            return Held(version=version)
        again = held.prompt_logits is not None and list(tokens) == held.tokens[: held.prompt]
        common = held.prompt if again else _common(held.tokens, tokens[:-1])
        if not common:
            return Held(version=version)
        if surplus := len(held.tokens) - common:
            held.cache.crop(-surplus)
        return Held(
            version=version,
            cache=held.cache,
            tokens=held.tokens[:common],
            cached=held.cached if again else common,
            prompt=held.prompt if again else 0,
            prompt_logits=held.prompt_logits if again else None,
        )


def can_be_cropped(cache: Any) -> bool:
    """Whether the end of a cache can be cut off: not where a window has slid over it, or a state sums it up."""
    if not can_be_chunked(cache):
        return False
    windows = [layer for layer in getattr(cache, "layers", ()) if hasattr(layer, "sliding_window")]
    return all(layer.get_seq_length() < layer.sliding_window for layer in windows)


def can_be_chunked(cache: Any) -> bool:
    """Whether a prompt may be read in chunks: every layer keeps keys and values, and none a state."""
    if type(cache).__name__ != "DynamicCache":
        return False
    # Before transformers 4.54 a DynamicCache has no layers of several kinds, and keeps everything.
    return all(type(layer).__name__ in KINDS for layer in getattr(cache, "layers", ()))


def cache_bytes(cache: Any) -> int:
    """Bytes of keys and values."""
    layers = getattr(cache, "layers", None)
    if layers is not None:
        tensors = [getattr(layer, name, None) for layer in layers for name in ("keys", "values")]
    else:
        tensors = [*getattr(cache, "key_cache", ()), *getattr(cache, "value_cache", ())]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if isinstance(tensor, torch.Tensor))


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
