"""The decode loop: the prompt in chunks, then one forward pass a token over a growing KV cache."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from typing import Any

import msgspec
import torch

from desktop.api.generating import FinishReason

from .kept_cache import Held, KeptCache, can_be_chunked
from .lean_step import LeanStep
from .sampling import Chooser
from .wide_products import wide_products

CHUNK = 256
"""Tokens of a prompt that go through the model at once on a CPU; between two chunks it can be cancelled."""
CHUNK_ON_DEVICE = 1024
"""The same on an accelerator, which is faster the more it gets."""


class Drawn(msgspec.Struct, frozen=True):
    """One token, and the logits it was drawn from: shape (1, vocabulary), the model's type."""

    token: int
    logits: torch.Tensor
    cached: int = 0
    """With the first token: how many of the prompt's an earlier sequence had left in the cache."""


class Reading(msgspec.Struct, frozen=True):
    """How many tokens of a sequence have been read, between two chunks of it."""

    done: int
    total: int


class Limits(msgspec.Struct, frozen=True):
    """Where an answer ends."""

    end_tokens: frozenset[int]
    new_tokens: int
    context: int
    """Longest sequence in tokens; 0 if the model has no limit."""


def never() -> int:
    """The version of a model that nobody changes."""
    return 0


class Standing(msgspec.Struct, frozen=True):
    """What stands beside a model from one answer to the next."""

    version: Callable[[], int] = never
    """Another number than before means that the model has become another one."""
    kept: KeptCache | None = None
    """The sequence it has read last."""
    lean: LeanStep | None = None
    """Computes single tokens where it fits."""


NOTHING = Standing()


def decode(
    model: Any, prompt: torch.Tensor, chooser: Chooser, limits: Limits, standing: Standing = NOTHING
) -> Generator[Drawn | Reading, None, FinishReason]:
    """Draw tokens until an end token, a limit, or until the generator is closed. End tokens are not yielded.

    `model` is a causal language model of transformers, `prompt` has shape (1, n) with n > 0, int64, on its device.
    When the version becomes another one between two yields, what the cache holds is dropped, and the sequence so far is
    computed anew. What is kept of the prompt is not computed; at the end, however it comes, this sequence is kept.
    """
    if limits.new_tokens < 1:
        return "length"
    kept = standing.kept
    sequence = _Sequence(model, standing)
    tokens = prompt[0].tolist()
    if kept is not None:
        sequence.begin(kept, tokens)
    try:
        logits = yield from sequence.read(prompt)
        sequence.end_prompt(logits)
        parts = [prompt]
        for drawn in range(1, limits.new_tokens + 1):
            chosen = chooser.choose(logits)
            token = int(chosen)
            if token in limits.end_tokens:
                return "stop"
            yield Drawn(token, logits, sequence.cached if drawn == 1 else 0)
            if drawn == limits.new_tokens:
                return "length"
            if limits.context and prompt.shape[1] + drawn > limits.context:
                return "context"
            parts.append(chosen)
            if sequence.is_stale:
                logits = yield from sequence.read(torch.cat(parts, dim=1))
            else:
                logits = sequence.step(chosen)
        return "length"
    finally:
        if kept is not None:
            sequence.leave(kept)


class _Sequence:
    """The tokens the model has read, in its KV cache."""

    def __init__(self, model: Any, standing: Standing) -> None:
        """Nothing was read."""
        self._model = model
        self._version, self._lean = standing.version, standing.lean
        self._last_only = last_logits_only(model)
        self._restart()

    @property
    def is_stale(self) -> bool:
        """Whether the model has become another one since it read them."""
        return self._version() != self._seen

    @property
    def cached(self) -> int:
        """How many tokens of the prompt another sequence had read."""
        return self._held.cached

    def begin(self, kept: KeptCache, tokens: list[int]) -> None:
        """Take over what is kept of a prompt."""
        held = kept.take(tokens, self._seen)
        if held.tokens:
            self._cache, self._held = held.cache, held

    def read(self, ids: torch.Tensor) -> Generator[Reading, None, torch.Tensor]:
        """Read a sequence of shape (1, n) as far as it isn't; its last logits. Begins anew where it became stale."""
        total = ids.shape[1]
        if self.is_stale:
            self._restart()
        if self._held.prompt_logits is not None and len(self._held.tokens) == total:
            return self._held.prompt_logits
        while True:
            done = len(self._held.tokens)
            logits = self.step(ids[:, done : done + self._chunk(total)])
            done = len(self._held.tokens)
            if done == total:
                return logits
            yield Reading(done, total)
            if self.is_stale:
                self._restart()

    # Not around the loop: a generator would leave the mode switched on for whoever it yields to. Not
    # inference_mode: bitsandbytes repacks its weights in the first pass, and those must stay trainable-through.
    @torch.no_grad()
    def step(self, ids: torch.Tensor) -> torch.Tensor:
        """Read these tokens after the others, in one pass; the last logits."""
        self._whole = False
        logits = self._pass(ids)
        self._held.tokens.extend(ids[0].tolist())
        self._whole = True
        return logits

    def _pass(self, ids: torch.Tensor) -> torch.Tensor:
        if ids.shape[1] == 1 and self._lean is not None and self._lean.fits(self._cache):
            return self._lean(ids, self._cache)
        options = {"past_key_values": self._cache, "use_cache": True, **self._last_only}
        output = read(self._model, ids, **options) if ids.shape[1] > 1 else self._model(input_ids=ids, **options)
        if self._cache is None:
            self._cache = output.past_key_values
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def end_prompt(self, logits: torch.Tensor) -> None:
        """The prompt was read: should it come again, its logits are known to the bit."""
        self._held.prompt = len(self._held.tokens)
        self._held.prompt_logits = logits

    def leave(self, kept: KeptCache) -> None:
        """Let it be kept; a pass that failed in the middle leaves nothing of use."""
        if self._whole and self._held.tokens:
            self._held.cache = self._cache
            kept.keep(self._held)

    def _restart(self) -> None:
        self._seen = self._version()
        self._cache = new_cache(self._model)
        self._held = Held(version=self._seen)
        self._whole = True
        if self._lean is not None:
            self._lean.refresh()

    def _chunk(self, total: int) -> int:
        if not can_be_chunked(self._cache):
            return total
        return CHUNK if self._model.device.type == "cpu" else CHUNK_ON_DEVICE


@torch.no_grad()
def read(model: Any, ids: torch.Tensor, **options: Any) -> Any:
    """The model's output for many tokens at once, shape (1, n): every such pass of an answer goes through here."""
    with wide_products(ids):
        return model(input_ids=ids, **options)


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
