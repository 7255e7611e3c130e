"""Penalties that transformers has no processor for: presence and frequency, and DRY ("don't repeat yourself")."""

from __future__ import annotations

from typing import Any

import torch

from desktop.api import Sampling

LONGEST = 50
"""Tokens of a repetition that DRY looks at: a longer one is held back no more than this one."""


class CountPenalties:
    """Takes `presence` once, and `frequency` for each time, from the logit of a token that the answer holds."""

    def __init__(self, presence: float, frequency: float, prompt_length: int) -> None:
        """Only tokens after the first `prompt_length` count."""
        self._presence = presence
        self._frequency = frequency
        self._begin = prompt_length

    def __call__(self, seen: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """`seen` has shape (1, n), int64; `scores` (1, vocabulary), float32, and is changed."""
        tokens, counts = torch.unique(seen[0, self._begin :], return_counts=True)
        scores[0, tokens] -= self._presence + self._frequency * counts.to(scores.dtype)
        return scores


class Dry:
    """Holds a token back the more, the longer the repetition is that it would continue.

    If the last m tokens stand in the text before, followed there by a token, and m is at least `allowed`, that token
    loses multiplier * base ** (m - allowed); of several such places the longest counts. No match reaches across a
    token that holds a breaker.
    """

    def __init__(self, sampling: Sampling, tokenizer: Any) -> None:
        """`tokenizer` is one of transformers'; it tells which tokens hold a breaker."""
        self._multiplier = sampling.dry_multiplier
        self._base = sampling.dry_base
        self._allowed = sampling.dry_allowed_length
        self._breakers = tuple(text for text in sampling.dry_sequence_breakers if text)
        self._tokenizer = tokenizer
        self._breaks: dict[int, bool] = {}

    def __call__(self, seen: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """`seen` has shape (1, n), int64; `scores` (1, vocabulary), float32, and is changed."""
        row = seen[0]
        last = row.shape[0] - 1
        reach = self._reach(row[-LONGEST:].tolist())
        if reach < self._allowed:
            return scores
        # Places whose token is the last one, and how many tokens before them are the same as before the last.
        places = (row[:last] == row[last]).nonzero()[:, 0]
        longest: dict[int, int] = {}
        for length in range(1, reach + 1):
            if length > 1:
                places = places[places >= length - 1]
                places = places[row[places - (length - 1)] == row[last - (length - 1)]]
            if not len(places):
                break
            if length >= self._allowed:
                longest.update(dict.fromkeys(row[places + 1].tolist(), length))
        for token, length in longest.items():
            scores[0, token] -= self._multiplier * self._base ** (length - self._allowed)
        return scores

    def _reach(self, tail: list[int]) -> int:
        """How many tokens at the end hold no breaker."""
        for count, token in enumerate(reversed(tail)):
            if self._holds_breaker(token):
                return count
        return len(tail)

    def _holds_breaker(self, token: int) -> bool:
        if token not in self._breaks:
            text = self._tokenizer.decode([token])
            self._breaks[token] = any(breaker in text for breaker in self._breakers)
        return self._breaks[token]
