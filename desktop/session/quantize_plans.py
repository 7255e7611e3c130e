"""What the window asks for and is told where a model is quantised: frozen values that may cross threads."""

from __future__ import annotations

import msgspec

from desktop.api import QuantizeReport, QuantizeRequest
from desktop.library.quantising import QuantizeFacts


class QuantizePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Which model is to be quantised, and how."""

    name: str
    """What the user calls it."""
    path: str
    """Absolute path."""
    request: QuantizeRequest


class QuantizeLook(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model before it is quantised."""

    path: str
    name: str
    facts: QuantizeFacts
    folder: str = ""
    """Where the copy lands: the library's folder of models."""
    taken: tuple[str, ...] = ()
    """Names in that folder that are taken."""
    free: int = 0
    """Bytes free on its disk."""


class Quantized(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that stands on the disk, whole."""

    plan: QuantizePlan
    report: QuantizeReport
