"""GPTQ (arXiv 2210.17323) for one weight: round one input after the other, and let the rest make up for it.

With the Hessian H = X^T X of the inputs and U the upper Cholesky factor of its inverse, rounding input i by e moves
every later input j by -e * U[i, j] / U[i, i], the change that keeps the output's squared error least.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from desktop.api import LoaderError

from .grid import find_grid, to_grid
from .refit import refit
from .scheme import Quantised, Scheme

BLOCK = 128
"""Inputs after which the changes are carried over to all that follow. Group sizes divide it."""


def nobody(_: float) -> None:
    """For those who don't watch."""


@torch.no_grad()
def solve(
    weight: torch.Tensor, hessian: torch.Tensor, scheme: Scheme, watch: Callable[[float], None] = nobody
) -> Quantised:
    """Quantise a weight (out, in) for inputs with this Hessian (in, in), any float type.

    `watch` hears the share done and may raise to end it. Raises LoaderError where the Hessian is not finite.
    """
    inputs = weight.shape[1]
    diagonal = hessian.diagonal().double()
    order = diagonal.argsort(descending=True, stable=True) if scheme.act_order else torch.arange(inputs)
    order = order.to(weight.device)
    damped, upper = _inverse_factor(hessian[order][:, order], scheme.damp)
    columns = weight[:, order].T.float().contiguous()
    codes, scales, zeros = _Rounding(columns.clone(), upper, scheme).run(watch)
    groups = torch.arange(inputs, dtype=torch.int32, device=weight.device) // scheme.group_of(inputs)
    if scheme.search:
        steps = codes.float() - zeros.float()[groups.long()]
        scales = refit(columns, damped, steps, scales.float(), scheme.group_of(inputs)).half()
    index = torch.empty(inputs, dtype=torch.int32, device=weight.device)
    index[order] = groups
    unsorted = torch.empty_like(codes)
    unsorted[order] = codes
    return Quantised(unsorted, scales, zeros, index)


@torch.no_grad()
def round_to_nearest(weight: torch.Tensor, scheme: Scheme) -> Quantised:
    """The simplest quantisation of a weight (out, in): every weight alone, in the order of the inputs."""
    columns = weight.T.float().contiguous()
    inputs, outputs = columns.shape
    size, groups = scheme.group_of(inputs), scheme.groups(inputs)
    codes = torch.empty(inputs, outputs, dtype=torch.uint8, device=weight.device)
    scales = torch.empty(groups, outputs, dtype=torch.float16, device=weight.device)
    zeros = torch.empty(groups, outputs, dtype=torch.uint8, device=weight.device)
    for group in range(groups):
        rows = slice(group * size, (group + 1) * size)
        scale, zero = find_grid(columns[rows], scheme, torch.ones_like(columns[rows, 0]))
        codes[rows] = to_grid(columns[rows], scale, zero, scheme.largest).to(torch.uint8)
        scales[group], zeros[group] = scale.half(), zero.to(torch.uint8)
    index = torch.arange(inputs, dtype=torch.int32, device=weight.device) // size
    return Quantised(codes, scales, zeros, index)


@torch.no_grad()
def output_error(weight: torch.Tensor, quantised: torch.Tensor, hessian: torch.Tensor) -> float:
    """Squared error of the output of weights (out, in) relative to the squared output, for inputs with this Hessian."""
    hessian, weight = hessian.float(), weight.float()
    off = quantised - weight
    size = float(((weight @ hessian) * weight).sum(dtype=torch.float64))
    return float(((off @ hessian) * off).sum(dtype=torch.float64)) / size if size > 0 else 0.0


def _inverse_factor(hessian: torch.Tensor, damp: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The damped H, and U, upper triangular with U^T U = H^-1; computed in float64, given in float32."""
    h = hessian.double()
    diagonal = h.diagonal()
    if not bool(torch.isfinite(h).all()):
        raise LoaderError(
            "The model's activations on the calibration text are not finite, so it can't be quantised. Load it with "
            "--dtype float32, or use another text."
        )
    mean = float(diagonal.mean()) or 1.0
    # Inputs that the text never used are rounded and change nothing else.
    diagonal[diagonal == 0] = mean
    while damp <= 1:
        damped = h + torch.eye(h.shape[0], dtype=h.dtype, device=h.device) * (damp * mean)
        lower, failed = torch.linalg.cholesky_ex(damped)
        if not int(failed):
            inverse = torch.cholesky_inverse(lower)
            factor, failed = torch.linalg.cholesky_ex(inverse, upper=True)
            if not int(failed):
                return damped.float(), factor.float()
        damp *= 10
    raise LoaderError("A layer's Hessian can't be inverted. Give more calibration text, or a larger --damp.")


class _Rounding:
    """The walk over the inputs of one weight, in the order they are given."""

    def __init__(self, columns: torch.Tensor, upper: torch.Tensor, scheme: Scheme) -> None:
        """`columns` (in, out) float32 is changed; `upper` (in, in) float32."""
        self._columns = columns
        self._upper = upper
        self._scheme = scheme
        inputs, outputs = columns.shape
        self._size = scheme.group_of(inputs)
        # What an input's rounding costs in the end, once the later ones have made up for it.
        self._importance = upper.diagonal().square().reciprocal()
        shape, device = (scheme.groups(inputs), outputs), columns.device
        self._scales = torch.empty(shape, dtype=torch.float32, device=device)
        self._zeros = torch.empty(shape, dtype=torch.float32, device=device)
        self._codes = torch.empty(inputs, outputs, dtype=torch.uint8, device=device)

    def run(self, watch: Callable[[float], None]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Codes (in, out) uint8, scales (groups, out) float16, zero points (groups, out) uint8."""
        inputs = self._columns.shape[0]
        if self._scheme.group_size == -1:
            self._open_group(0, self._columns, self._importance)
        for begin in range(0, inputs, BLOCK):
            watch(begin / inputs)
            end = min(begin + BLOCK, inputs)
            errors = self._block(begin, end)
            self._columns[end:].addmm_(self._upper[begin:end, end:].T, errors, alpha=-1)
        return self._codes, self._scales.half(), self._zeros.to(torch.uint8)

    def _block(self, begin: int, end: int) -> torch.Tensor:
        """Round the inputs of one block; their errors (block, out), each over its U[i, i]."""
        block, upper = self._columns[begin:end], self._upper[begin:end, begin:end]
        errors = torch.empty_like(block)
        for row in range(end - begin):
            group = (begin + row) // self._size
            if self._scheme.group_size != -1 and (begin + row) % self._size == 0:
                stop = min(row + self._size, end - begin)
                self._open_group(group, block[row:stop], self._importance[begin + row : begin + stop])
            scale, zero = self._scales[group], self._zeros[group]
            codes = to_grid(block[row], scale, zero, self._scheme.largest)
            self._codes[begin + row] = codes
            errors[row] = block[row].sub(codes.sub_(zero).mul_(scale)).div_(upper[row, row])
            block[row + 1 :].addr_(upper[row, row + 1 :], errors[row], alpha=-1)
        return errors

    def _open_group(self, group: int, weights: torch.Tensor, importance: torch.Tensor) -> None:
        self._scales[group], self._zeros[group] = find_grid(weights, self._scheme, importance)
