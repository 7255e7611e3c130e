"""The decode loop: one forward pass a token over a growing KV cache, and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from typing import Any

import msgspec
import torch

from desktop.api.generating import FinishReason

from .lean_step import LeanStep
from .sampling import Chooser
from .wide_products import wide_products


class Drawn(msgspec.Struct, frozen=True):
    """One token, and the logits it was drawn from: shape (1, vocabulary), the model's type."""

    token: int
    logits: torch.Tensor


class Limits(msgspec.Struct, frozen=True):
    """Where an answer ends."""

    end_tokens: frozenset[int]
    new_tokens: int
    context: int
    """Longest sequence in tokens; 0 if the model has no limit."""


def never() -> int:
    """The version of a model that nobody changes."""
    return 0


def decode(
    model: Any,
    prompt: torch.Tensor,
    chooser: Chooser,
    limits: Limits,
    version: Callable[[], int] = never,
    lean: LeanStep | None = None,
) -> Generator[Drawn, None, FinishReason]:
    """Draw tokens until an end token, a limit, or until the generator is closed. End tokens are not yielded.

    `model` is a causal language model of transformers, `prompt` has shape (1, n) with n > 0, int64, on its device.
    When `version` returns another number than before, the model has become another one between two tokens: what its
    cache holds is dropped, and the sequence so far is computed anew. `lean` computes single tokens where it fits.
    """
    if limits.new_tokens < 1:
        return "length"
    step = _Step(model, lean)
    seen = version()
    logits = step(prompt)
    length = prompt.shape[1]
    sequence = [prompt]
    for drawn in range(1, limits.new_tokens + 1):
        chosen = chooser.choose(logits)
        token = int(chosen)
        if token in limits.end_tokens:
            return "stop"
        yield Drawn(token, logits)
        if drawn == limits.new_tokens:
            return "length"
        if limits.context and length >= limits.context:
            return "context"
        sequence.append(chosen)
        if version() != seen:
            seen = version()
            step = _Step(model, lean)
            logits = step(torch.cat(sequence, dim=1))
        else:
            logits = step(chosen)
        length += 1
    return "length"


class _Step:
    """One forward pass that remembers the sequence so far."""

    def __init__(self, model: Any, lean: LeanStep | None) -> None:
        self._model = model
        self._lean = lean
        self._cache = new_cache(model)
        self._last_only = last_logits_only(model)
        if lean is not None:
            lean.refresh()

    # Not around the loop: a generator would leave the mode switched on for whoever it yields to. Not
    # inference_mode: bitsandbytes repacks its weights in the first pass, and those must stay trainable-through.
    @torch.no_grad()
    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        if ids.shape[1] == 1 and self._lean is not None and self._lean.fits(self._cache):
            return self._lean(ids, self._cache)
        with wide_products(ids):
            output = self._model(input_ids=ids, past_key_values=self._cache, use_cache=True, **self._last_only)
        if self._cache is None:
            self._cache = output.past_key_values
        logits: torch.Tensor = output.logits[:, -1]
        return logits


def new_cache(model: Any) -> Any:
    """An empty KV cache that fits the model (sliding windows included), or None where the model makes its own."""
    from transformers.cache_utils import DynamicCache

    if not getattr(model, "_supports_default_dynamic_cache", lambda: True)():
        return None
    if "config" in inspect.signature(DynamicCache.__init__).parameters:
        return DynamicCache(config=model.config)
    return DynamicCache()


def last_logits_only(model: Any, positions: int = 1) -> dict[str, int]:
    """The argument that makes the model compute logits for the last `positions` only, where it has one."""
    parameters = inspect.signature(model.forward).parameters
    for name in ("logits_to_keep", "num_logits_to_keep"):
        if name in parameters:
            return {name: positions}
    return {}
