"""Another program's quantised linear, as the adapter stack wants to see one."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class KernelLinear(nn.Module):
    """Stands in the place of a kernel's linear and calls it, with sizes and a device by the names torch has for them.

    An adapter stands in the `forward` of this module, so the kernel's own is never touched.
    """

    def __init__(self, kernel: nn.Module, in_features: int, out_features: int) -> None:
        """`kernel` computes x W^T + b from packed weights."""
        super().__init__()
        self.kernel = kernel
        self.in_features = in_features
        self.out_features = out_features

    @property
    def weight(self) -> torch.Tensor:
        """Packed words, which say where the weights lie and that they are quantised."""
        return next(tensor for tensor in self.kernel.buffers() if not tensor.is_floating_point())

    @property
    def bias(self) -> torch.Tensor | None:
        """The kernel's bias."""
        bias: torch.Tensor | None = getattr(self.kernel, "bias", None)
        return bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the kernel says, in the type of what came in."""
        y: torch.Tensor = self.kernel(x)
        return y.to(x.dtype)


def wrap_kernels(model: nn.Module) -> int:
    """Put a KernelLinear round every quantised linear of a model; returns how many there are."""
    kernels = {name: sizes for name, module in model.named_modules() if (sizes := _sizes(module))}
    for name, (in_features, out_features) in kernels.items():
        parent, _, child = name.rpartition(".")
        kernel = model.get_submodule(name)
        setattr(model.get_submodule(parent), child, KernelLinear(kernel, in_features, out_features))
    return len(kernels)


def _sizes(module: Any) -> tuple[int, int] | None:
    """(in, out) of a kernel's linear, by the names auto-gptq or GPTQModel have for them."""
    if not isinstance(getattr(module, "bits", None), int):
        return None
    for names in (("in_features", "out_features"), ("infeatures", "outfeatures")):
        if all(isinstance(getattr(module, name, None), int) for name in names):
            return getattr(module, names[0]), getattr(module, names[1])
    return None
