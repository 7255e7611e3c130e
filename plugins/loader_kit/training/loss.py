"""Cross entropy from hidden states, a few rows of logits at a time.

The logits of one token are as wide as the vocabulary; those of a whole batch would be most of a training's memory.
Here the gradient towards the hidden states is taken as soon as a piece's logits are there, and they are let go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

LOGITS_BYTES = 64 * 1024 * 1024
"""Most memory one piece's logits take in float32."""

Head = Callable[[torch.Tensor], torch.Tensor]
"""From hidden states (n, width) to logits (n, vocabulary)."""


def cross_entropy(
    hidden: torch.Tensor, targets: torch.Tensor, head: Head, vocabulary: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum over `targets` (n) int64 of the cross entropy in float32, and how many are the likeliest token.

    `hidden` has shape (n, width). The sum can be differentiated towards `hidden`; whatever `head` holds gets nothing.
    """
    rows = max(1, LOGITS_BYTES // (4 * vocabulary))
    found: tuple[torch.Tensor, torch.Tensor] = _Pieces.apply(  # type: ignore[no-untyped-call]
        hidden, targets, head, rows
    )
    return found


def cross_entropy_of(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same from logits (n, vocabulary) that are there already, differentiable through all that made them."""
    logits = logits.float()
    return functional.cross_entropy(logits, targets, reduction="sum"), (logits.argmax(-1) == targets).sum()


class _Pieces(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, targets: torch.Tensor, head: Head, rows: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        wanted = ctx.needs_input_grad[0]
        total = torch.zeros((), device=hidden.device)
        correct = torch.zeros((), dtype=torch.int64, device=hidden.device)
        gradient = torch.empty_like(hidden) if wanted else None
        for at in range(0, len(targets), rows):
            piece = hidden[at : at + rows].detach()
            with torch.set_grad_enabled(wanted):
                piece.requires_grad_(wanted)
                loss, right = cross_entropy_of(head(piece), targets[at : at + rows])
            if gradient is not None:
                gradient[at : at + rows] = torch.autograd.grad(loss, piece)[0]
            total += loss.detach()
            correct += right
        ctx.gradient = gradient
        ctx.mark_non_differentiable(correct)
        return total, correct

    @staticmethod
    def backward(ctx: Any, outer: torch.Tensor, _: Any) -> Any:
        return ctx.gradient * outer.to(ctx.gradient.dtype), None, None, None
