"""Checks a running stack: what each module adds on a prompt, against the formula in float64 from the adapters' files.

Independent of the stack's own buffers and scalings: the files are read again and the sum of
weight * scaling * B A x (arXiv 2106.09685, section 4.1) is taken adapter by adapter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch

from desktop.api import LoaderError, Lora, StackCheck, Unsupported

from .adapter_files import AdapterFiles, read_adapter
from .adapter_stack import AdapterStack
from .lora_site import LoraSite, embed_scale

FACTOR_ROUNDING = 1e-5
"""Relative error of two float32 products, some hundred roundings; 16-bit factors on an accelerator add their own."""


class _Seen(msgspec.Struct):
    """The largest error so far."""

    module: str = ""
    error: float = 0.0
    allowed: float = 1.0


@torch.no_grad()
def check_stack(model: Any, stack: AdapterStack, ids: torch.Tensor) -> StackCheck:
    """Run `ids`, int64 of shape (1, n), through the model and compare at every site. Raises LoaderError.

    Works in exact mode, where a site adds to the base's own output.
    """
    if stack.through_peft:
        raise Unsupported("This stack holds a DoRA adapter, which is no sum of factors; there is no formula to check.")
    if stack.mode != "exact":
        raise LoaderError("The stack is folded into the weights. Choose the exact mode to check it.")
    sites = stack.sites
    acting = [row for row in stack.rows if row.effective_weight != 0]
    files = [(row, read_adapter(Path(row.path), row.name)) for row in acting]
    for row, read in files:
        if read.parts.rows:
            raise Unsupported(f"{row.name} brings trained tokens beside its factors, and the check knows only factors.")
    seen = _Seen()
    hooks = [_watch(name, site, files, seen) for name, site in sites.items()]
    try:
        model(input_ids=ids, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return StackCheck(modules=len(sites), worst_module=seen.module, worst_error=seen.error, allowed=seen.allowed)


def _watch(name: str, site: LoraSite, files: Sequence[tuple[Lora, AdapterFiles]], seen: _Seen) -> Any:
    def compare(module: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        if module is not site.module:
            return  # a trained module in its place is a copy of it, hooks included
        x = inputs[0]
        site.pause()
        base = module.forward(x).to(torch.float64)
        site.resume()
        factor = embed_scale(module) if site.embedding else 1.0
        exact = base + factor * sum(
            (row.effective_weight * scaling(name, read) * _product(x, read, name) for row, read in files),
            base.new_zeros(()),
        )
        size = max(float(exact.abs().max()), float(base.abs().max()), 1e-30)
        error = float((output.to(torch.float64) - exact).abs().max()) / size
        allowed = FACTOR_ROUNDING + torch.finfo(output.dtype).eps + _rounding_of_factors(site)
        if not seen.module or error / allowed > seen.error / seen.allowed or not math.isfinite(error):
            seen.module, seen.error, seen.allowed = name, error, allowed

    return site.module.register_forward_hook(compare)


def _product(x: torch.Tensor, files: AdapterFiles, name: str) -> torch.Tensor:
    """B A x in float64; 0 where the adapter has nothing for this module."""
    if name not in files.modules:
        return torch.zeros((), dtype=torch.float64, device=x.device)
    factors = files.modules[name]
    a, b = factors.a.to(x.device, torch.float64), factors.b.to(x.device, torch.float64)
    inner = a.T[x] if factors.embedding else x.to(torch.float64) @ a.T
    return inner @ b.T


def scaling(name: str, files: AdapterFiles) -> float:
    """alpha / r, or alpha / sqrt(r) for rsLoRA (arXiv 2312.03732), from the configuration alone."""
    rank = int(files.ranks.of(name, files.config.get("r", 8)))
    alpha = float(files.alphas.of(name, files.config.get("lora_alpha", 8)))
    return alpha / math.sqrt(rank) if files.config.get("use_rslora") else alpha / rank


def _rounding_of_factors(site: LoraSite) -> float:
    """Factors that lie in 16 bits are rounded, and so are the two products."""
    kind = site.factors[0].dtype
    return 0.0 if kind == torch.float32 else 4 * torch.finfo(kind).eps
