"""Products of many rows in 16 bits, on a CPU that has no instructions for them.

There torch multiplies 16-bit matrices several times slower than it widens the weights, one linear at a time, and
multiplies in float32 (SmolLM2-135M in bfloat16 on AVX2, 200 tokens: 2.7 s and 0.6 s). Either way the products are
summed in float32 and rounded once; only the order of the sums differs. One row alone is faster as it is.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

FEWEST_ROWS = 16
"""With fewer rows, widening the weights costs what it saves."""


def wide_products(ids: torch.Tensor) -> AbstractContextManager[Any]:
    """What a forward pass over ids of shape (batch, n) runs in: float32 products where they are the faster ones."""
    if ids.device.type != "cpu" or ids.numel() < FEWEST_ROWS:
        return nullcontext()
    narrow = frozenset(dtype for dtype in (torch.bfloat16, torch.float16) if not _has_instructions(dtype))
    return _Widening(narrow) if narrow else nullcontext()


@cache
def _has_instructions(dtype: torch.dtype) -> bool:
    """Whether torch's own matrix library multiplies this type on this CPU."""
    name = "_is_mkldnn_bf16_supported" if dtype is torch.bfloat16 else "_is_mkldnn_fp16_supported"
    supported = getattr(torch.ops.mkldnn, name, None)
    return supported is None or bool(supported())


class _Widening(TorchFunctionMode):
    """Computes `linear` of many rows with a 16-bit weight in float32, and rounds the result to the input's type."""

    def __init__(self, narrow: frozenset[torch.dtype]) -> None:
        super().__init__()
        self._narrow = narrow

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is functional.linear:
            return self._linear(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _linear(self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        if weight.dtype not in self._narrow or input.numel() < FEWEST_ROWS * input.shape[-1]:
            return functional.linear(input, weight, bias)
        wide = functional.linear(input.float(), weight.float(), None if bias is None else bias.float())
        return wide.to(input.dtype)
