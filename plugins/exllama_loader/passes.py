"""An engine of ExLlama, called as the kit's decode loop calls a causal language model of transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import torch

from desktop.api import LoaderError

from .engine import Engine


class Sequence(msgspec.Struct, eq=False):
    """The tokens of one text that was begun, in place of a KV cache: the engine has only one of those."""

    parts: list[torch.Tensor] = []
    """Each int64 of shape (1, n)."""


class Output(msgspec.Struct, frozen=True):
    """What a pass gives, by the names transformers has for it."""

    logits: torch.Tensor
    past_key_values: Sequence


class Ends(msgspec.Struct, frozen=True):
    """As much of a configuration as is asked for: the token or the tokens that end an answer."""

    eos_token_id: Any


class Configurations(msgspec.Struct, frozen=True):
    """A model's two configurations, by the names transformers has for them."""

    config: Ends
    generation_config: Ends


class EngineModel:
    """Keeps the engine from continuing on keys and values of another text, or of another stack."""

    def __init__(self, engine: Engine, version: Callable[[], int], device: torch.device, context: int) -> None:
        """`version` gives another number after each change of the stack; `context` is the cache's room in tokens."""
        self.device = device
        self._engine = engine
        self._version = version
        self._context = context
        self._current: Sequence | None = None
        self._seen = version()

    def _supports_default_dynamic_cache(self) -> bool:
        """No: the cache is the engine's own."""
        return False

    def forward(
        self,
        input_ids: torch.Tensor,
        past_key_values: Sequence | None = None,
        use_cache: bool = True,
        logits_to_keep: int = 0,
    ) -> Output:
        """Logits of the last positions (0: of all that were given), after what the sequence has read already.

        `use_cache` changes nothing. Where the cache holds another text, or was made with another stack, the whole
        sequence is read anew.
        """
        sequence = past_key_values or Sequence(parts=[])
        parts = [*sequence.parts, input_ids]
        length = sum(part.shape[1] for part in parts)
        if length > self._context:
            raise LoaderError(
                f"The text takes {length:,} tokens, and the cache has room for {self._context:,}. Shorten it, or load "
                "the model with a larger context."
            )
        usable = sequence.parts and sequence is self._current and self._version() == self._seen
        # Nobody's, until the pass has come to its end.
        self._current = None
        if not usable:
            self._engine.restart()
            self._seen = self._version()
        kept = logits_to_keep or input_ids.shape[1]
        logits = self._engine.forward(input_ids if usable else torch.cat(parts, dim=1), last_only=kept == 1)
        sequence.parts = parts
        self._current = sequence
        return Output(logits[:, -kept:], sequence)

    __call__ = forward

    def named_modules(self) -> list[tuple[str, Any]]:
        """None that torch knows of."""
        return []
