"""Whether an adapter can act at all: finite numbers, and factors whose product is not zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from desktop.api import LoaderError

from .config_check import LARGEST

_SURE = 1e-9
"""Share of its possible size above which a product's norm, taken from squares, can't come from rounding."""
_ROUNDING = 1e-13
"""The same for a norm that is taken without squaring, in float64."""

Pair = tuple[torch.Tensor, torch.Tensor, float]
"""A of shape (rank, in), B of shape (out, rank), and what their product is multiplied by at weight 1."""


def refuse_useless(
    name: str, pairs: Sequence[Pair], *, left_out: bool, acts_otherwise: Callable[[], bool] = bool
) -> None:
    """Raise LoaderError for an adapter that would spoil what the model computes, or leave it as it is.

    `pairs` are those of the modules that the model has; `left_out` says that the adapter has others too.
    `acts_otherwise` is asked only where no product acts, because it may take long.
    """
    _refuse_unbearable(name, pairs)
    if any(_single(scaling) != 0 and multiply_to_something(a, b) for a, b, scaling in pairs) or acts_otherwise():
        return
    if all(_single(scaling) == 0 for _, _, scaling in pairs):
        raise LoaderError(f"{name} changes nothing: its alpha is zero. Set lora_alpha in its adapter_config.json.")
    if left_out:
        raise LoaderError(f"{name} changes nothing here: what could act belongs to modules this model does not have.")
    if not any(bool(b.any()) for _, b, _ in pairs):
        raise LoaderError(
            f"{name} changes nothing: all its B factors are zero. It is a checkpoint from before the first training "
            "step; choose a later one."
        )
    raise LoaderError(f"{name} changes nothing: its factors multiply to zero. Choose another checkpoint.")


def multiply_to_something(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether B A has a number that is not zero, without computing B A."""
    a, b = a.double(), b.double()
    # Ranks that are zero on either side add nothing; the others are brought to the same size.
    sizes_a, sizes_b = a.abs().amax(1), b.abs().amax(0)
    there = (sizes_a > 0) & (sizes_b > 0)
    if int(there.sum()) < 2:
        return bool(there.any())
    shares = sizes_a[there] * sizes_b[there]
    a, b = a[there] / sizes_a[there, None] * (shares / shares.max())[:, None], b[:, there] / sizes_b[there]
    limit = float(a.norm()) * float(b.norm())
    # |B A|^2 is the sum over the elements of (A A^T) * (B^T B), two matrices of the rank's size.
    if float(((a @ a.T) * (b.T @ b)).sum()) > _SURE * limit**2:
        return True
    # B = Q R with a Q that keeps lengths, so |B A| = |R A|.
    return float((torch.linalg.qr(b, mode="r").R @ a).norm()) > _ROUNDING * limit


def refuse_infinite(name: str, tensors: Sequence[torch.Tensor]) -> list[float]:
    """Raise LoaderError where a number is NaN or infinite; the tensors' norms, infinite where they overflow."""
    if not tensors:
        return []
    # A norm takes a tenth of the time. It may overflow where the numbers don't, but is never finite where one isn't.
    norms = [float(value) for value in torch._foreach_norm(list(tensors))]
    for tensor, norm in zip(tensors, norms, strict=True):
        if not math.isfinite(norm) and not bool(torch.isfinite(tensor).all()):
            raise LoaderError(f"{name} holds numbers that are not finite (NaN or infinity); its training went wrong.")
    return norms


def _refuse_unbearable(name: str, pairs: Sequence[Pair]) -> None:
    if not pairs:
        return
    norms = refuse_infinite(name, [side for a, b, _ in pairs for side in (a, b)])
    for norm_a, norm_b, (a, b, scaling) in zip(norms[::2], norms[1::2], pairs, strict=True):
        size = norm_a * norm_b * abs(scaling)
        if not size < LARGEST and not float(a.double().norm()) * float(b.double().norm()) * abs(scaling) < LARGEST:
            raise LoaderError(f"{name} holds numbers so large that nothing finite comes out; its training went wrong.")


def _single(value: float) -> float:
    return float(torch.tensor(value, dtype=torch.float32))
