"""What proving a stack came to, as plain data."""

from __future__ import annotations

import math

import msgspec

from desktop.api import AttachReceipt, StackCheck


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What one stack did."""

    names: tuple[str, ...]
    receipts: tuple[AttachReceipt, ...]
    check: StackCheck | None
    """What its modules added, against the formula in float64; None where that can't be said."""
    why_unchecked: str = ""
    moved: float
    """Largest change of a logit on the prompt, in units of the logits; NaN where one is not a number."""
    base_is_back: bool
    """The logits after taking it off equal those before to the bit."""

    @property
    def holds(self) -> bool:
        """Whether it acted, as the formula says, and left no trace. An adapter at weight 0 need not act."""
        if not any(receipt.weight for receipt in self.receipts):
            return self.moved == 0 and self.base_is_back
        acted = self.moved > 0 and math.isfinite(self.moved)
        return acted and self.base_is_back and self.check is not None and self.check.holds
