"""A linear whose weights stay quantised as GPTQ files hold them: every width, group size, order and zero point.

Weights are unpacked a block of outputs at a time, for the forward pass and again for the backward one, and thrown away.
Few rows in 4 bits on the CPU go through torch's own kernel, which has a second packed copy of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import torch
from torch import nn

from . import int4_kernel
from .gptq_unpacking import ZeroConvention, unpack_rows, unpack_zeros

BLOCK = 1 << 20
"""Weights that are unpacked at once: 4 MiB in float32."""


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """The tensors of one layer as they stand in a file; `in` inputs, `out` outputs, G groups."""

    qweight: torch.Tensor
    """int32 (in * bits / 32, out)."""
    scales: torch.Tensor
    """(G, out), any float type; in the first format (out, 1)."""
    qzeros: torch.Tensor | None = None
    """int32 (G, out * bits / 32); None in the first format."""
    zeros: torch.Tensor | None = None
    """The first format: float (out, 1), what is taken off scale * q."""
    g_idx: torch.Tensor | None = None
    """int32 (in): each input's group; None where they follow each other."""
    bias: torch.Tensor | None = None


class GptqLinear(nn.Linear):
    """Computes x W^T + b with W = scale * (q - zero), or scale * q - zero in the first format.

    It is an `nn.Linear` to whoever asks for the sizes or wraps it, but has no parameters; `weight` are the packed
    words. The gradient flows to the input.
    """

    qweight: torch.Tensor
    scales: torch.Tensor
    zero_points: torch.Tensor
    """int32 (G, out) as the arithmetic takes them off; in the first format float (1, out)."""
    group_of: torch.Tensor | None
    """int64 (in): each input's group; None where groups are even and follow each other."""

    def __init__(self, packed: Packed, bits: int, group_size: int, convention: ZeroConvention) -> None:
        """`group_size` is only looked at where there is no group index; -1 is one group."""
        nn.Module.__init__(self)
        self.in_features = packed.qweight.shape[0] * 32 // bits
        self.out_features = packed.qweight.shape[1]
        self.bits = bits
        self.first_format = packed.zeros is not None
        self.register_buffer("qweight", packed.qweight)
        self.register_buffer("bias", packed.bias)
        groups = _groups(packed, self.in_features, group_size)
        if packed.zeros is not None:
            scales, zeros = packed.scales.reshape(1, -1), packed.zeros.reshape(1, -1)
        else:
            assert packed.qzeros is not None
            scales, zeros = packed.scales, unpack_zeros(packed.qzeros, bits, convention).to(torch.int32)
        self.register_buffer("scales", scales)
        self.register_buffer("zero_points", zeros)
        self._size = _even_size(groups, scales.shape[0])
        # One scale after the other needs no index.
        self.register_buffer("group_of", None if self._size else groups)
        self.kernel: int4_kernel.Int4 | None = None
        """The second copy of the weights, for torch's 4-bit kernel; None where that does not compute them."""
        self.joint: Any = None
        """The product of this and the linears beside it (joined_linears), where one was made."""

    @property
    def weight(self) -> Any:  # type: ignore[override]
        """The packed words, which say where the weights lie and that they are quantised."""
        return self.qweight

    def prepare(self, dtype: torch.dtype) -> None:
        """Pack the weights for the kernel if it computes them; `dtype` is what the model computes in."""
        self.kernel = None
        if self.bits != 4 or self.first_format or dtype != torch.bfloat16 or self.qweight.device.type != "cpu":
            return
        order, size = None, self._size
        if self.group_of is not None:
            order = self.group_of.argsort(stable=True)
            size = _even_size(self.group_of[order], self.scales.shape[0])
        group = int4_kernel.kernel_group(size, self.in_features, self.out_features) if size else None
        if group is not None:
            self.kernel = int4_kernel.pack(self.qweight, self.scales, self.zero_points, group, order)

    @property
    def has_kernel(self) -> bool:
        """Whether few rows go through torch's 4-bit kernel."""
        return self.kernel is not None

    @property
    def kernel_bytes(self) -> int:
        """Memory of the copy for the kernel."""
        return self.kernel.bytes if self.kernel else 0

    @torch.no_grad()
    def dequantise(self) -> torch.Tensor:
        """The weights, float32 of shape (out, in)."""
        return torch.cat([block for _, block in self.blocks()], dim=1).T

    @property
    def W_q(self) -> torch.Tensor:  # noqa: N802 - PEFT's name
        """WORKAROUND: layers with this attribute are asked to `dequantize` (peft/utils/integrations.py).

        DoRA needs the norms of their weights.
        """
        return self.qweight

    def dequantize(self) -> torch.Tensor:
        """`dequantise`, as PEFT calls it."""
        return self.dequantise()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in) to (..., out), in the type of `x`."""
        kernel = self.kernel
        # The kernel has no gradient. Only weights on the CPU are packed for it.
        few = kernel is not None and x.dtype == torch.bfloat16 and x.numel() <= int4_kernel.ROWS * self.in_features
        rows = x if x.dim() == 2 else x.reshape(-1, self.in_features)
        if kernel is not None and few and not (x.requires_grad and torch.is_grad_enabled()):
            y = int4_kernel.multiply(rows, kernel)
        else:
            y = _Product.apply(rows, self)  # type: ignore[no-untyped-call]
        if (bias := self.bias) is not None:
            y = y + bias.to(y.dtype)
        return y if x.dim() == 2 else y.view(*x.shape[:-1], self.out_features)

    def blocks(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """The weights a block of outputs at a time: which outputs, and float32 of shape (in, outputs)."""
        columns = max(16, BLOCK // self.in_features)
        for start in range(0, self.out_features, columns):
            block = slice(start, min(start + columns, self.out_features))
            yield block, self._unpacked(block)

    def _unpacked(self, outputs: slice) -> torch.Tensor:
        q = unpack_rows(self.qweight[:, outputs], self.bits)
        scales, zeros = self.scales[:, outputs].float(), self.zero_points[:, outputs]
        if self.first_format:
            return q.float().mul_(scales).sub_(zeros.float())
        if self.group_of is None:
            grouped = q.view(-1, self._size, q.shape[1])
            return grouped.sub_(zeros[:, None]).float().mul_(scales[:, None]).view(q.shape)
        return q.sub_(zeros[self.group_of]).float().mul_(scales[self.group_of])

    def extra_repr(self) -> str:
        """What `print` says of it."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bits={self.bits}"


class _Product(torch.autograd.Function):
    """x W^T, whose backward pass unpacks W again: nothing but the layer is kept."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, layer: GptqLinear) -> torch.Tensor:
        ctx.layer = layer
        kind = _arithmetic(x)
        given = x.to(kind)
        y = torch.empty(x.shape[0], layer.out_features, dtype=x.dtype, device=x.device)
        for outputs, weights in layer.blocks():
            y[:, outputs] = given @ weights.to(kind)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        layer: GptqLinear = ctx.layer
        kind = _arithmetic(gradient)
        given = gradient.to(kind)
        total = torch.zeros(gradient.shape[0], layer.in_features, dtype=kind, device=gradient.device)
        for outputs, weights in layer.blocks():
            total.addmm_(given[:, outputs], weights.to(kind).T)
        return total.to(gradient.dtype), None


def _arithmetic(x: torch.Tensor) -> torch.dtype:
    """On the CPU float32: more exact, and faster where the processor has no 16-bit products."""
    return torch.promote_types(x.dtype, torch.float32) if x.device.type == "cpu" else x.dtype


def _groups(packed: Packed, inputs: int, group_size: int) -> torch.Tensor:
    """Each input's group, int64 of shape (in)."""
    if packed.g_idx is not None and packed.zeros is None:
        return packed.g_idx.to(torch.int64)
    size = inputs if group_size == -1 or packed.zeros is not None else group_size
    return torch.arange(inputs, device=packed.qweight.device) // size


def _even_size(groups: torch.Tensor, count: int) -> int:
    """Inputs a group where all have as many and follow each other; 0 where they don't."""
    inputs = groups.shape[0]
    if inputs % count:
        return 0
    size = inputs // count
    return size if torch.equal(groups, torch.arange(inputs, device=groups.device) // size) else 0
