"""One module of the base with what adapters add to it besides factors: biases and whole trained modules.

The site computes base(x) + sum_i weight_i * (trained_i(x) - base(x) + bias_i). It stands in `forward` like a
`LoraSite`, and under one: a module without such additions has none and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import torch

from .additions import Addition
from .lora_site import added


class Acting(msgspec.Struct):
    """The additions that act, weighed."""

    trained: list[tuple[Any, float]]
    bias: torch.Tensor | None


def weighed(additions: Sequence[tuple[Addition, float]]) -> Acting:
    """The sum of all biases, and every trained module with its weight; nothing acts differently yet."""
    biases = [addition.bias * weight for addition, weight in additions if addition.bias is not None]
    trained = [(addition.trained, weight) for addition, weight in additions if addition.trained is not None]
    return Acting(trained, torch.stack(biases).sum(0) if biases else None)


class AdditionSite:
    """Stands in the `forward` of one module while any addition acts on it."""

    def __init__(self, module: Any) -> None:
        """Nothing acts yet; the module is as it was."""
        self._module = module
        self._original: Callable[..., torch.Tensor] | None = None
        self._had_own_forward = False
        self._acting = Acting([], None)

    def settle(self, acting: Acting) -> None:
        """Let these act and no others. Can't fail. A `LoraSite` on the module must have left, or nobody come or go."""
        self._acting = acting
        if not acting.trained and acting.bias is None:
            self.leave()
        elif self._original is None:
            # accelerate puts its hooks into an instance's `forward`; whatever stands there is what the base computes.
            self._had_own_forward = "forward" in self._module.__dict__
            self._original = self._module.forward
            self._module.forward = self._compute

    def leave(self) -> None:
        """Nothing acts any more: the module's own `forward` is back."""
        if self._original is None:
            return
        if self._had_own_forward:
            self._module.forward = self._original
        else:
            del self._module.forward
        self._original = None

    def _compute(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        assert self._original is not None
        base = y = self._original(x, *args, **kwargs)
        for module, weight in self._acting.trained:
            if module.weight.device != x.device:
                module.to(x.device)
            given = x.to(module.weight.dtype) if x.is_floating_point() and module.weight.dim() == 2 else x
            trained = module(given, *args, **kwargs).to(base.dtype)
            # The first may be exact: at weight 1 `lerp` gives `trained` to the bit.
            y = torch.lerp(base, trained, weight) if y is base else y + weight * (trained - base)
        bias = self._acting.bias
        if bias is None:
            return y
        if bias.device != y.device:
            bias = self._acting.bias = bias.to(y.device)
        return added(y, bias)
