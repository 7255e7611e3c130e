"""Chooses the next token with transformers' own logits processors, in the order `generate` uses them."""

from __future__ import annotations

import secrets
from typing import Any

import torch

from desktop.api import Sampling

HONOURED = ("greedy", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed")
"""Fields of `Sampling` that `Chooser` honours."""


class Chooser:
    """Draws tokens for one answer."""

    def __init__(self, sampling: Sampling, prompt: torch.Tensor, room: int) -> None:
        """`prompt` has shape (1, n), int64, on the model's device; at most `room` tokens will be drawn."""
        self._greedy = sampling.greedy
        self.seed: int | None = None
        self._generator: torch.Generator | None = None
        if not self._greedy:
            self.seed = sampling.seed if sampling.seed is not None else secrets.randbits(48)
            self._generator = torch.Generator(prompt.device)
            self._generator.manual_seed(self.seed % 2**63)
        self._processors = _processors(sampling)
        self._length = prompt.shape[1]
        # One buffer for the whole answer: growing a tensor at each token would copy the prompt every time.
        self._seen = torch.cat([prompt, prompt.new_zeros(1, room)], dim=1) if self._processors else prompt

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """The next token, shape (1, 1), from logits of shape (1, vocabulary) in any float type."""
        if self._processors:
            scores = logits.to(torch.float32, copy=True)
            seen = self._seen[:, : self._length]
            for processor in self._processors:
                scores = processor(seen, scores)
        else:
            scores = logits
        if self._greedy:
            token = scores.argmax(-1, keepdim=True)
        else:
            probabilities = scores.float().softmax(-1)
            token = torch.multinomial(probabilities, 1, generator=self._generator)
        if self._processors:
            self._seen[:, self._length] = token[:, 0]
        self._length += 1
        return token


def _processors(sampling: Sampling) -> list[Any]:
    from transformers.generation import logits_process as processors

    chosen: list[Any] = []
    if sampling.repetition_penalty != 1:
        chosen.append(processors.RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.greedy:
        return chosen
    if sampling.temperature != 1:
        chosen.append(processors.TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.top_k:
        chosen.append(processors.TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        chosen.append(processors.TopPLogitsWarper(float(sampling.top_p)))
    if sampling.min_p > 0:
        chosen.append(processors.MinPLogitsWarper(float(sampling.min_p)))
    return chosen
