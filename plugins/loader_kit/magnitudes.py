"""The magnitudes of a DoRA: one number for each row of a module's weight (arXiv 2402.09353), beside the factors."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from desktop.api import LoaderError

from .config_check import plain

MAGNITUDE = re.compile(
    r"^(?:base_model\.model\.)?(?P<module>.+?)\.lora_magnitude_vector(?:\.(?!weight$)[^.]+)?(?:\.weight)?$"
)


def refuse_damaged_magnitudes(
    tensors: Mapping[str, torch.Tensor], outputs: Mapping[str, int | None], name: str
) -> None:
    """Raise LoaderError unless each of these modules has sound magnitudes, as many as are given here if any are."""
    found = {match["module"]: tensor for key, tensor in tensors.items() if (match := MAGNITUDE.match(key))}
    for module, size in outputs.items():
        if module not in found:
            raise LoaderError(f"{name} is incomplete: {plain(module)} has no magnitudes. Download it again.")
        if not _are_sound(found[module], size):
            raise LoaderError(f"{name} is damaged: the magnitudes of {plain(module)} make no sense. Download it again.")


def _are_sound(magnitudes: torch.Tensor, size: int | None) -> bool:
    if not magnitudes.is_floating_point() or size not in {None, magnitudes.numel()}:
        return False
    return bool(magnitudes.float().isfinite().all())
