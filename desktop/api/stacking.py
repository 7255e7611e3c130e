"""What can be asked of a whole stack besides changing it: folding it, checking it, writing it to disk."""

from __future__ import annotations

from typing import Literal

import msgspec

Mode = Literal["exact", "folded"]
"""\"exact": the base's weights are used as they are and the adapters' products are added; "folded": merged weights
stand in for the base's. Both compute the same sum; in 16 bits the folded one is rounded in other places."""


class StackCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What each module added to the base on one prompt, against the formula in float64."""

    modules: int
    """Modules on which an adapter acts."""
    worst_module: str = ""
    worst_error: float = 0.0
    """Largest difference from base(x) + sum of weight * scaling * B A x in that module, relative to the largest value
    of its output."""
    allowed: float = 0.0
    """What the rounding of that module's output explains."""

    @property
    def holds(self) -> bool:
        """Whether anything acts, and as the formula says."""
        return self.modules > 0 and self.worst_error <= self.allowed


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Where the present stack is to be written, and as what."""

    folder: str
    """Absolute path; must not exist yet."""
    what: Literal["adapter", "model"] = "adapter"
    """\"adapter": one LoRA that does what the whole stack does, as PEFT reads it; "model": a copy of the base with the
    stack merged in, as transformers reads it."""


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    folder: str
    bytes: int
    rank: int = 0
    """Largest rank of the one adapter: the sum of the ranks in the stack."""
    notes: tuple[str, ...] = ()
    """What else the user should know, one sentence each."""
