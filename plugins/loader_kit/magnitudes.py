"""The magnitudes of a DoRA: one number for each row of a module's weight (arXiv 2402.09353), beside the factors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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
    found = magnitudes_by_module(tensors)
    for module, size in outputs.items():
        if module not in found:
            raise LoaderError(f"{name} is incomplete: {plain(module)} has no magnitudes. Download it again.")
        if not _are_sound(found[module], size):
            raise LoaderError(f"{name} is damaged: the magnitudes of {plain(module)} make no sense. Download it again.")


def rescale(tensors: Mapping[str, torch.Tensor], modules: Mapping[str, Any]) -> bool:
    """Whether magnitudes among these differ from what the base's own modules, given by name, start with."""
    found = magnitudes_by_module(tensors)
    return any(_differ(found[name], module.weight.detach()) for name, module in modules.items() if name in found)


def _differ(magnitudes: torch.Tensor, weight: torch.Tensor) -> bool:
    if not weight.is_floating_point() or weight.dim() != 2 or weight.device.type == "meta":
        return True  # packed weights don't tell their norms
    near = max(1e-5, 2 * torch.finfo(magnitudes.dtype).eps)
    flat = magnitudes.flatten().float()
    # GPT-2's Conv1D and embeddings hold their weights the other way round.
    starts = (weight.float().norm(dim=axis).cpu() for axis in (1, 0))
    return not any(start.shape == flat.shape and torch.allclose(start, flat, rtol=near) for start in starts)


def magnitudes_by_module(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The magnitudes among an adapter's tensors, by the name of their module."""
    return {match["module"]: tensor for key, tensor in tensors.items() if (match := MAGNITUDE.match(key))}


def _are_sound(magnitudes: torch.Tensor, size: int | None) -> bool:
    if not magnitudes.is_floating_point() or size not in {None, magnitudes.numel()}:
        return False
    return bool(magnitudes.float().isfinite().all())
