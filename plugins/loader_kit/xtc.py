"""XTC ("exclude top choices"): now and then leaves out the likeliest tokens, so that another good one is taken."""

from __future__ import annotations

import torch


class Xtc:
    """With a probability, leaves out every token that reaches the threshold, but the least likely of them."""

    def __init__(
        self, probability: float, threshold: float, spared: frozenset[int], generator: torch.Generator
    ) -> None:
        """Where one of `spared` would be left out, nothing is: an answer must be able to end. `generator` draws."""
        self._probability = probability
        self._threshold = threshold
        self._spared = sorted(spared)
        self._generator = generator

    def __call__(self, seen: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """`scores` has shape (1, vocabulary), float32, and is changed."""
        # Drawn at every step, so that a seed's later draws don't hang on what this one met.
        drawn = float(torch.rand(1, generator=self._generator, device=self._generator.device))
        if drawn >= self._probability:
            return scores
        probabilities = scores[0].softmax(-1)
        likely = (probabilities >= self._threshold).nonzero()[:, 0]
        if len(likely) < 2:
            return scores
        least = likely[probabilities[likely].argmin()]
        left_out = likely[likely != least]
        if any(token in self._spared for token in left_out.tolist()):
            return scores
        scores[0, left_out] = -torch.inf
        return scores
