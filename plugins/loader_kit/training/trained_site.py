"""One linear of the base with a pair of factors that is being trained beside it.

It stands in the module's `forward`, on top of whatever stands there already (the stack's own adapters), computes
base(x) + scale * B A x (arXiv 2106.09685, section 4.1), and leaves the module as it was. The factors are in float32 and
belong to no module, so the model's own parameters stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from loader_kit.matching import linear_sizes


class TrainedSite:
    """Stands in the `forward` of one linear from `enter` to `leave`."""

    def __init__(self, module: Any, rank: int, scale: float, dropout: float) -> None:
        """Factors that are not set yet; the module is as it was."""
        sizes = linear_sizes(module)
        assert sizes is not None
        self._module = module
        self._scale = scale
        self._dropout = dropout
        device = module.weight.device if module.weight.device.type != "meta" else torch.device("cpu")
        self.a = torch.zeros(rank, sizes[0], device=device, requires_grad=True)
        self.b = torch.zeros(sizes[1], rank, device=device, requires_grad=True)
        self.magnitude: torch.Tensor | None = None
        """What each output is rescaled to, (out) in float32, where that is trained as well."""
        self._original: Callable[..., torch.Tensor] | None = None
        self._had_own_forward = False
        self.widen = False
        """Whether a 16-bit weight is brought to float32 for each product, where the CPU is slow in 16 bits."""

    @property
    def module(self) -> Any:
        """The module it stands in."""
        return self._module

    def enter(self) -> None:
        """Let the factors act."""
        self._had_own_forward = "forward" in self._module.__dict__
        self._original = self._module.forward
        # A plain linear that nobody stands in is computed together with its factors, which keeps less for the way back.
        plain = type(self._module) is torch.nn.Linear and not self._had_own_forward and not self._dropout
        self._module.forward = self._fused if plain else self._beside

    def leave(self) -> None:
        """The module's own `forward` is back."""
        if self._original is None:
            return
        if self._had_own_forward:
            self._module.forward = self._original
        else:
            del self._module.forward
        self._original = None

    def changed(self) -> None:
        """To be called after every change of the factors while they act."""

    def _fused(self, x: torch.Tensor) -> torch.Tensor:
        return self._together(x, self._module.bias)

    def _together(self, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        y: torch.Tensor = _FrozenWithFactors.apply(  # type: ignore[no-untyped-call]
            x, self._module.weight, bias, self.a, self.b, self._scale, self.widen
        )
        return y

    def _beside(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        assert self._original is not None
        y = self._original(x, *args, **kwargs)
        given = functional.dropout(x.to(_kind(x)), self._dropout, training=self._module.training)
        return (y + self._addition(given)).to(y.dtype)

    def _addition(self, given: torch.Tensor) -> torch.Tensor:
        """scale * B A x, in the type the factors compute in."""
        kind = _kind(given)
        h = functional.linear(given.to(kind), self.a.to(kind))
        return functional.linear(h, self.b.to(kind)) * self._scale


def _kind(x: torch.Tensor) -> torch.dtype:
    """The type the factors compute in: float32 on the CPU, which is fast there and exact; the input's on a device."""
    return torch.float32 if x.device.type == "cpu" else x.dtype


class _FrozenWithFactors(torch.autograd.Function):
    """x W^T + bias + scale * (x A^T) B^T, where W and the bias get no gradient.

    x (..., in), W (out, in), A (rank, in), B (out, rank). For the way back only x in its own type and x A^T are kept.
    """

    @staticmethod
    def forward(  # noqa: PLR0913 - torch hands a function's inputs over one by one
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: float,
        widen: bool,
    ) -> torch.Tensor:
        kind = _kind(x)
        flat = x.reshape(-1, x.shape[-1])
        h = flat.to(kind) @ a.to(kind).T
        if widen:
            y = functional.linear(flat.float(), weight.float(), None if bias is None else bias.float())
        else:
            y = functional.linear(flat, weight, bias)
        if y.dtype == kind:
            y.addmm_(h, b.to(kind).T, alpha=scale)
        else:
            y = y + (h @ b.to(kind).T).mul_(scale)
        ctx.save_for_backward(flat, h, weight, a, b)
        ctx.scale, ctx.widen, ctx.shape = scale, widen, x.shape
        return y.to(x.dtype).view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        flat, h, weight, a, b = ctx.saved_tensors
        kind = h.dtype
        gradient = gradient.reshape(-1, gradient.shape[-1])
        g = gradient.to(kind)
        gb = (g.T @ h).mul_(ctx.scale)
        inner = (g @ b.to(kind)).mul_(ctx.scale)
        ga = inner.T @ flat.to(kind)
        gx = None
        if ctx.needs_input_grad[0]:
            gx = g.float() @ weight.float() if ctx.widen else gradient @ weight
            if gx.dtype == kind:
                gx.addmm_(inner, a.to(kind))
            else:
                gx = gx + inner @ a.to(kind)
            gx = gx.to(flat.dtype).view(ctx.shape)
        return gx, None, None, ga.to(a.dtype), gb.to(b.dtype), None, None
