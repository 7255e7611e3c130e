"""Scale and zero point of a group of weights.

Zero points lie between 1 and 2^bits - 1. They are stored minus one, and a stored -1 (a zero point of 0) is what the
readers of this format disagree about: some read it as 0, some as 2^bits, some spoil the neighbour.
"""

from __future__ import annotations

import torch

from .scheme import Scheme

SHRINKS = 48
"""How many ranges are tried, from the whole one down to `NARROWEST` of it."""
NARROWEST = 0.4
SMALLEST = 2.0**-24
LARGEST = 65504.0
"""The smallest and the largest positive float16, in which scales are stored."""


def find_grid(weight: torch.Tensor, scheme: Scheme, importance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scales and zero points (out), float32 and exact in float16, for one group of weights (in, out).

    `importance` (in) weighs each input's squared error where the scheme searches.
    """
    low, high = weight.amin(0).clamp(max=0), weight.amax(0).clamp(min=0)
    if scheme.symmetric:
        high = torch.maximum(-low, high)
        low = -high
    best_scale, best_zero = _grid(low, high, scheme)
    if not scheme.search:
        return best_scale, best_zero
    best = _error(weight, best_scale, best_zero, scheme, importance)
    for number in range(SHRINKS):
        share = 1 - (1 - NARROWEST) * number / SHRINKS
        scale, middle = _grid(low * share, high * share, scheme)
        for zero in _zeros(middle, scheme):
            error = _error(weight, scale, zero, scheme, importance)
            better = error < best
            best = torch.where(better, error, best)
            best_scale = torch.where(better, scale, best_scale)
            best_zero = torch.where(better, zero, best_zero)
    return best_scale, best_zero


def to_grid(weight: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, largest: int) -> torch.Tensor:
    """The integers of weights (..., out), as floats."""
    return weight.div(scale).round_().add_(zero).clamp_(0, largest)


def _grid(low: torch.Tensor, high: torch.Tensor, scheme: Scheme) -> tuple[torch.Tensor, torch.Tensor]:
    """The grid that spans a range with zero in it; (out) each."""
    scale = ((high - low) / scheme.largest).clamp(SMALLEST, LARGEST).half().float()
    if scheme.symmetric:
        return scale, torch.full_like(scale, 2 ** (scheme.bits - 1))
    return scale, (-low / scale).round_().clamp_(1, scheme.largest)


def _zeros(middle: torch.Tensor, scheme: Scheme) -> list[torch.Tensor]:
    """The zero points worth a try around the one that spans the range."""
    if scheme.symmetric:
        return [middle]
    return [middle, (middle - 1).clamp_(min=1), (middle + 1).clamp_(max=scheme.largest)]


def _error(
    weight: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, scheme: Scheme, importance: torch.Tensor
) -> torch.Tensor:
    """Weighted squared error of each output (out)."""
    read = to_grid(weight, scale, zero, scheme.largest).sub_(zero).mul_(scale)
    return importance @ read.sub_(weight).square_()
