"""How a loader describes itself, and its verdict about a model, before anything is loaded."""

from __future__ import annotations

from typing import Any

import msgspec


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What models of this loader can do. The rest is greyed out and raises `Unsupported`."""

    many_adapters: bool = True
    weights: bool = True
    hot_removal: bool = True
    live_changes: bool = False
    """The stack may be changed while `generate` is between two yields, and the next token comes from the new stack."""
    logits: bool = False
    check: bool = False
    """What the stack adds can be compared with the formula in float64."""
    fold: bool = False
    """The stack can be folded into 16 and 32-bit weights."""
    train: bool = False
    export: bool = False
    """The stack can be written to disk as one adapter, or merged into a copy of a 16 or 32-bit base."""
    quantize: bool = False
    """A GPTQ copy of a 16 or 32-bit base can be written."""
    bits: tuple[int, ...] = (16,)
    """Values of `LoadRequest.bits` the loader honours."""
    sampling: tuple[str, ...] = ("greedy",)
    """Fields of `Sampling` the loader honours."""


class LoaderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A loader in the user's words."""

    title: str
    summary: str = ""
    """One sentence: what it opens, and with what."""
    available: bool = True
    """Whether it can load anything on this machine, in this interpreter."""
    reason: str = ""
    """If not available: why, and what to do about it."""
    capabilities: Capabilities = Capabilities()
    settings: dict[str, Any] = {}
    """JSON Schema of the loader's own settings, as `settings_schema` makes it."""
    warm: tuple[str, ...] = ()
    """Modules an idle engine imports ahead of time, so that loading costs only the model."""
    requirements: str = ""
    """Requirements file inside the plugin's package ("package/file.txt") for an interpreter of its own."""
    versions: dict[str, str] = {}
    """Versions of the engines found, by distribution name."""


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """What converting a model costs, told before it starts."""

    source: str
    """The format in words, for example "GGUF Q4_1"."""
    target: str
    """The format in words, for example "bfloat16 safetensors"."""
    disk_bytes: int
    memory_bytes: int
    seconds: float


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a loader can load a model."""

    fits: bool
    reason: str = ""
    """If not: why, in words, and what could be done. If so: what it is."""
    native: bool = False
    """The loader was made for this very format; such verdicts come first."""
    format: str = ""
    """What the model's files are, in words."""
    memory_bytes: int = 0
    """Estimated memory for the weights as stored; 0 if unknown."""
    conversion: Conversion | None = None
    """Set where the model must be converted before it can be loaded."""
