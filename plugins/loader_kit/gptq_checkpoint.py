"""A quantised checkpoint in words and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from desktop.api import Verdict

from .gptq_shapes import Layout

PLAIN_PACKINGS = ("gptq", "gptq_v2")
"""Ways to pack that many programs read; any other is made for one kernel."""


class GptqCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A quantised checkpoint, as far as it can be known without loading it."""

    method: Literal["GPTQ", "EXL2"]
    bits: float | None
    """Bits of a weight: whole for GPTQ, an average for EXL2; None if unknown."""
    mixed: bool = False
    """Whether layers differ in their bits."""
    group_size: int | None = None
    """Inputs that share a scale, -1 where all do, None if unknown."""
    act_order: bool | None = None
    """Whether groups follow the activations' order; None if unknown."""
    layout: Layout = "unknown"
    """Which tensors a layer has."""
    configured: bool
    """Whether a configuration says how it was quantised, as AutoGPTQ writes it; GPTQ-for-LLaMa wrote none."""
    packing: str = "gptq"
    """AutoGPTQ's checkpoint_format: "gptq", "gptq_v2", or the name of a kernel it was packed for."""
    model_type: str
    files: tuple[Path, ...]
    memory_bytes: int
    remarks: tuple[str, ...] = ()
    """What the user should know, one sentence each."""

    @property
    def words(self) -> str:
        """Such as "GPTQ 4-bit, group size 128, act-order"."""
        if self.method == "EXL2":
            return f"EXL2 {self.bits:.3g} bits a weight" if self.bits else "EXL2"
        bits = f" {self.bits:g}-bit" if self.bits else ""
        parts = [f"GPTQ{bits}{' and others' if self.mixed else ''}"]
        if self.group_size is not None:
            parts.append(groups_in_words(self.group_size))
        parts += ["act-order"] if self.act_order else []
        parts += ["first format (unpacked zeros)"] if self.layout == "zeros" else []
        return ", ".join(parts)

    @property
    def safetensors(self) -> bool:
        """Whether all its weights are .safetensors."""
        return all(file.suffix.lower() == ".safetensors" for file in self.files)

    def fits(self, *, native: bool, more: str = "") -> Verdict:
        """The verdict of a loader that opens it; `more` is a sentence about how."""
        sentences = [f"{self.words}{f' ({self.model_type})' if self.model_type else ''}.", more, *self.remarks]
        return Verdict(
            fits=True,
            reason=" ".join(filter(None, sentences)),
            native=native,
            format=self.words,
            memory_bytes=self.memory_bytes,
        )

    def refused(self, why: str) -> Verdict:
        """The verdict of a loader that doesn't open it: what it is, and why not."""
        return Verdict(
            fits=False, reason=f"It is {self.words}. {why}", format=self.words, memory_bytes=self.memory_bytes
        )


def groups_in_words(size: int) -> str:
    """ "group size 128", or "no groups" for -1."""
    return f"group size {size}" if size > 0 else "no groups"
