"""Folded mode: merged weights stand in for the base's, which are kept and swapped back.

For a linear with weight W of shape (out, in) and factors A (R, in), B (R, out), scales s (R), the merged weight is
W + (B s)^T A, computed in float32 and rounded once to W's type: sum_i weight_i * scaling_i * B_i A_i (arXiv 2106.09685,
section 4.1). The base's tensors are never written to: a module gets a new parameter, and the old one comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from desktop.api import LoaderError, Unsupported

from .devices import available_memory
from .lora_site import LoraSite

FOLDABLE = (torch.float32, torch.float16, torch.bfloat16, torch.float64)

RESERVE = 1 << 28
"""Bytes that must stay free beyond the merged weights."""


class Folding:
    """The weights that are merged now, with the base's own."""

    def __init__(self) -> None:
        """Nothing is folded."""
        self._originals: list[tuple[LoraSite, nn.Parameter]] = []

    @property
    def folded(self) -> int:
        """Modules whose weights are merged."""
        return len(self._originals)

    def fold(self, sites: Mapping[str, LoraSite]) -> None:
        """Merge what acts at these sites. On LoaderError nothing has changed."""
        for name, site in sites.items():
            _refuse_quantised(name, site.module)
        _refuse_without_memory(sites)
        merged = {}
        for name, site in sites.items():
            merged[name] = nn.Parameter(merged_weight(site), requires_grad=False)
        for name, site in sites.items():
            site.pause()
            self._originals.append((site, site.module.weight))
            # Only this module's: an lm_head that shares its weight with the embedding is untied by that.
            site.module.weight = merged[name]

    def unfold(self) -> None:
        """The base's own weights are back, and the adapters act beside them again. Can't fail."""
        for site, original in self._originals:
            site.module.weight = original
            site.resume()
        self._originals = []


@torch.no_grad()
def merged_weight(site: LoraSite) -> torch.Tensor:
    """The weight of a site's module with all that acts on it, in the module's type and shape."""
    weight: torch.Tensor = site.module.weight
    kind = torch.promote_types(weight.dtype, torch.float32)
    a, b = (side.to(kind) for side in site.factors)
    scaled = b * site.scales.to(kind)[:, None]
    # A vocabulary's rows and GPT-2's Conv1D have their weight as (in, out).
    delta = a.T @ scaled if site.embedding or is_conv1d(site.module) else scaled.T @ a
    return delta.add_(weight).to(weight.dtype)


def is_conv1d(module: Any) -> bool:
    """Whether it is GPT-2's linear, which keeps its weight as (in, out)."""
    return type(module).__name__ == "Conv1D"


def _refuse_quantised(name: str, module: Any) -> None:
    weight: torch.Tensor = module.weight
    if type(weight) is not nn.Parameter or weight.dtype not in FOLDABLE:
        raise Unsupported(
            f"Folding needs 16 or 32-bit weights, and those of {name} are quantised. Load the model in 16 bits to "
            "fold, or leave the mode exact."
        )
    if weight.device.type == "meta":
        raise Unsupported(f"The weights of {name} are not in memory (offloaded), so nothing can be folded into them.")


def _refuse_without_memory(sites: Mapping[str, LoraSite]) -> None:
    needed: dict[torch.device, int] = {}
    largest: dict[torch.device, int] = {}
    for site in sites.values():
        weight = site.module.weight
        needed[weight.device] = needed.get(weight.device, 0) + weight.numel() * weight.element_size()
        largest[weight.device] = max(largest.get(weight.device, 0), weight.numel() * 4)
    for device, size in needed.items():
        free = free_memory(device)
        wanted = size + largest[device] + RESERVE
        if wanted > free:
            raise LoaderError(
                f"Folding takes {wanted / 1e9:.1f} GB on {device} beside the base's own weights, and {free / 1e9:.1f} "
                "GB are free. Leave the mode exact, or close other programs."
            )


def free_memory(device: torch.device) -> int:
    """Bytes that can still be used on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return available_memory()
