"""One linear of the base whose weight is trained as a direction and a magnitude for each output (DoRA).

With W' = W + scale * B A and a magnitude m (out), it computes (m / |W'|) * W' x + bias, where |W'| is the norm of each
row of W' and counts as a constant on the way back (arXiv 2402.09353, section 4.3). The base's weight is only read.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from .base_weight import exact_weight
from .trained_site import TrainedSite


class DoraSite(TrainedSite):
    """A trained site with magnitudes. Nothing but the base's own module may stand below it."""

    def __init__(self, module: Any, rank: int, scale: float, dropout: float) -> None:
        """Magnitudes that are the norms of the base's own weight, so that nothing changes while B is zero."""
        super().__init__(module, rank, scale, dropout)
        self._squares = exact_weight(module).square().sum(1).to(self.a.device)
        self.magnitude = self._squares.sqrt().requires_grad_()
        self._norm: torch.Tensor | None = None

    def enter(self) -> None:
        """Let factors and magnitudes act."""
        self.changed()
        super().enter()

    def changed(self) -> None:
        """The norms are computed anew when they are next needed."""
        self._norm = None

    @torch.no_grad()
    def settle(self) -> None:
        """Give it the magnitudes with which it does what its factors alone would do."""
        assert self.magnitude is not None
        self.changed()
        self.magnitude.copy_(self.norm())

    @torch.no_grad()
    def norm(self) -> torch.Tensor:
        """The norm of each row of W + scale * B A, float32 of shape (out), without the product B A:

        |w|^2 + 2 scale <w A^T, b> + scale^2 b (A A^T) b^T for rows w of W and b of B.
        """
        if self._norm is None:
            a, b, scale = self.a, self.b, self._scale
            across = (exact_weight(self._module) @ a.T).mul_(b).sum(1)
            own = (b @ (a @ a.T)).mul_(b).sum(1)
            self._norm = (self._squares + 2 * scale * across + scale**2 * own).clamp_(min=1e-30).sqrt()
        return self._norm

    def _fused(self, x: torch.Tensor) -> torch.Tensor:
        return self._scaled(self._together(x, None))

    def _beside(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        dropping = self._dropout > 0 and self._module.training
        given = functional.dropout(x, self._dropout, training=dropping)
        y = self._product(given, *args, **kwargs)
        scaled = self._scaled((y + self._addition(given)).to(y.dtype))
        if not dropping:
            return scaled
        # What the base gives is rescaled only as far as dropout lets the input through, as PEFT has it.
        return scaled + self._product(x - given, *args, **kwargs)

    def _product(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """x W^T, without the bias, as the module itself computes it."""
        assert self._original is not None
        y = self._original(x, *args, **kwargs)
        return y if self._module.bias is None else y - self._module.bias.to(y.dtype)

    def _scaled(self, z: torch.Tensor) -> torch.Tensor:
        assert self.magnitude is not None
        y: torch.Tensor = _Scaled.apply(  # type: ignore[no-untyped-call]
            z, self.magnitude / self.norm(), self._module.bias
        )
        return y


class _Scaled(torch.autograd.Function):
    """k * z + bias for z (..., out) and k (out), in float32 and rounded once; only z in its own type is kept."""

    @staticmethod
    def forward(ctx: Any, z: torch.Tensor, k: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(z, k)
        y = z.to(torch.promote_types(z.dtype, k.dtype)) * k
        if bias is not None:
            y += bias
        return y.to(z.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        z, k = ctx.saved_tensors
        g = gradient.to(torch.promote_types(z.dtype, k.dtype))
        gk = (g * z).reshape(-1, z.shape[-1]).sum(0)
        return (g * k).to(z.dtype), gk.to(k.dtype), None
