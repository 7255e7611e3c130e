"""Attention over rows laid end to end: each row attends to itself alone, computed row by row.

One mask over the whole sequence would cost the square of its length; row by row it is the sum of the rows' squares, and
torch's causal kernel skips the half above the diagonal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional

NAME = "lora_deck_rows"
"""What transformers calls it."""

_UNKNOWN = ("softcap", "s_aux", "position_bias", "cache")
"""What some models ask of attention beyond the plain product, none of which is computed here."""


class _Rows:
    """The rows of the sequence that is being computed; attention is called deep inside the model's own code."""

    lengths: Sequence[int] = ()


@contextmanager
def by_rows(model: Any, lengths: Sequence[int]) -> Iterator[None]:
    """The model attends by rows of these lengths, also on the way back."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS[NAME] = attend
    before = model.config._attn_implementation
    model.config._attn_implementation = NAME
    _Rows.lengths = lengths
    try:
        yield
    finally:
        model.config._attn_implementation = before
        _Rows.lengths = ()


def attend(  # noqa: PLR0913 - transformers' signature
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each row. `query` has shape (1, heads, n, size), `key` and `value` perhaps fewer heads;
    the result (1, n, heads, size)."""
    if any(kwargs.get(name) is not None for name in _UNKNOWN) or sum(_Rows.lengths) != query.shape[2]:
        raise NotImplementedError("attention by rows knows only the plain causal product")
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (side.repeat_interleave(groups, dim=1) for side in (key, value))
    lengths = list(_Rows.lengths)
    found = [
        functional.scaled_dot_product_attention(
            q, k, v, attn_mask=_window(q, sliding_window), dropout_p=dropout, scale=scaling,
            is_causal=not _is_cut(q, sliding_window),
        )
        for q, k, v in zip(*(torch.split(side, lengths, dim=2) for side in (query, key, value)), strict=True)
    ]  # fmt: skip
    return torch.cat(found, dim=2).transpose(1, 2).contiguous(), None


def _is_cut(query: torch.Tensor, window: int | None) -> bool:
    return window is not None and query.shape[2] > window


def _window(query: torch.Tensor, window: int | None) -> torch.Tensor | None:
    """Which tokens see which, where a row is longer than the model looks back; True means it sees it."""
    if window is None or not _is_cut(query, window):
        return None
    at = torch.arange(query.shape[2], device=query.device)
    back = at[:, None] - at[None, :]
    return (back >= 0) & (back < window)
