"""The weight of one of the base's linears as plain numbers, also where it is packed."""

from __future__ import annotations

from typing import Any

import torch

from loader_kit.folding import FOLDABLE, is_conv1d

_BITSANDBYTES = ("Params4bit", "Int8Params")


def has_exact_weight(module: Any) -> bool:
    """Whether `exact_weight` can tell it: 16 and 32-bit weights, bitsandbytes' and our own GPTQ linears."""
    weight = module.weight
    if hasattr(module, "dequantise") or type(weight).__name__ in _BITSANDBYTES:
        return True
    return type(weight) is torch.nn.Parameter and weight.dtype in FOLDABLE


@torch.no_grad()
def exact_weight(module: Any) -> torch.Tensor:
    """The numbers that the module multiplies with, float32 of shape (out, in); not to be written to."""
    weight = module.weight
    if hasattr(module, "dequantise"):
        unpacked: torch.Tensor = module.dequantise()
    elif type(weight).__name__ == "Params4bit":
        from bitsandbytes.functional import dequantize_4bit

        unpacked = dequantize_4bit(weight.data, weight.quant_state)
    elif type(weight).__name__ == "Int8Params":
        # bitsandbytes moves both from the weight to the module's state at the first product.
        scale = module.state.SCB if weight.SCB is None else weight.SCB
        integers = module.state.CB if weight.CB is None else weight.CB
        unpacked = integers.float() * (scale.float() / 127)[:, None]
    else:
        unpacked = weight.detach().T if is_conv1d(module) else weight.detach()
    return unpacked.float()
