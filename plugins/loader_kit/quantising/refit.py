"""The best scales for codes that are settled: rounding chose the codes one after the other, with scales from before.

With the codes q and zero points z fixed, a weight's row is linear in its groups' scales s, w = D s with D = q - z, and
the output's squared error (D s - w)^T H (D s - w) is least where D^T H D s = D^T H w: one small system a row.
"""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from .grid import LARGEST, SMALLEST

ROWS = 256
"""Systems that are solved at once."""


@torch.no_grad()
def refit(
    columns: torch.Tensor, hessian: torch.Tensor, steps: torch.Tensor, scales: torch.Tensor, size: int
) -> torch.Tensor:
    """Scales (groups, out), float32 and exact in float16, with which no output's error is larger than before.

    `columns` are the weights and `steps` their q - z, both float32 (in, out); `hessian` (in, in) is damped; groups of
    `size` inputs follow each other. Outputs whose system has no usable solution keep what they had.
    """
    groups, outputs = scales.shape
    fill = groups * size - columns.shape[0]
    steps, columns = pad(steps, (0, 0, 0, fill)), pad(columns, (0, 0, 0, fill))
    hessian = pad(hessian.float(), (0, fill, 0, fill))
    found = []
    for begin in range(0, outputs, ROWS):
        part = slice(begin, begin + ROWS)
        found.append(_solved(columns[:, part], hessian, steps[:, part], scales[:, part], size))
    return torch.cat(found, dim=1)


def _solved(
    columns: torch.Tensor, hessian: torch.Tensor, steps: torch.Tensor, scales: torch.Tensor, size: int
) -> torch.Tensor:
    groups, outputs = scales.shape

    def by_group(products: torch.Tensor) -> torch.Tensor:
        return (steps * products).view(groups, size, outputs).sum(1)

    right = by_group(hessian @ columns).T.double()
    rows = [slice(group * size, (group + 1) * size) for group in range(groups)]
    left = torch.stack([by_group(hessian[:, some] @ steps[some]) for some in rows], dim=-1).transpose(0, 1).double()
    # A group whose codes are all zero has no say, and keeps its scale.
    silent = left.diagonal(dim1=1, dim2=2) == 0
    left = left + torch.diag_embed(silent.double())
    solved, failed = torch.linalg.solve_ex(left, right)
    solved = torch.where(silent, scales.T.double(), solved)
    usable = (failed == 0) & torch.isfinite(solved).all(1) & (solved >= SMALLEST).all(1) & (solved <= LARGEST).all(1)
    solved = torch.where(usable[:, None], solved, scales.T.double()).half().double()

    def error(some: torch.Tensor) -> torch.Tensor:
        return ((left @ some[:, :, None]).squeeze(2) * some).sum(1) - 2 * (right * some).sum(1)

    before = scales.T.double()
    better = error(solved) < error(before)
    return torch.where(better[:, None], solved, before).T.float()
