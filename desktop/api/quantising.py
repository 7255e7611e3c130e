"""Making a small copy of a 16 or 32-bit model by GPTQ: what is asked for and what came out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

GptqBits = Literal[2, 3, 4, 8]
GptqGroup = Literal[-1, 32, 64, 128]


class QuantizeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How the loaded model's linears are to be quantised, and where the copy is written."""

    folder: str
    """Absolute path; must not exist yet."""
    bits: GptqBits = 4
    group_size: GptqGroup = 128
    """Inputs that share a scale and a zero point; -1 is one group for all."""
    symmetric: bool = False
    """Zero points in the middle of the range, which some GPU kernels insist on; otherwise each group has its own."""
    act_order: bool = False
    """Quantise the inputs with the largest activations first: more exact, slower on some kernels."""
    search: bool = True
    """Look for the scale with the least squared error, instead of taking the group's whole range."""
    damp: Annotated[float, Meta(gt=0, le=1)] = 0.01
    """Added to the Hessian's diagonal, as a share of its mean, so that it can be inverted."""
    calibration: str = ""
    """Absolute path of a text file, .json or .jsonl; empty for the text that comes along."""
    samples: Annotated[int, Meta(ge=1)] = 128
    """Most blocks of calibration text that are used."""


class LayerError(msgspec.Struct, frozen=True):
    """How exact one quantised linear is."""

    name: str
    error: float
    """Squared error of its output on the calibration text, relative to the squared output."""


class QuantizeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    folder: str
    bytes_before: int
    """What the model's weights take as loaded."""
    bytes_after: int
    """What the new folder's weights take."""
    seconds: float
    tokens: int
    """Tokens of calibration text."""
    layers: tuple[LayerError, ...]
    notes: tuple[str, ...] = ()
    """What else the user should know, one sentence each."""
