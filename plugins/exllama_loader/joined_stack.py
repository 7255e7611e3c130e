"""The adapter stack for engines that know one adapter at a time: all rows joined along the rank axis.

With A = [A1, A2, ...] of shape (in, r1 + r2 + ...) and B = [w1 s1 B1; w2 s2 B2; ...] the product x A B is the stack's
sum (arXiv 2106.09685, section 4.1). Each change joins anew, from factors as they were read: nothing is scaled in place,
so a weight that comes back gives the same numbers to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import torch

from desktop.api import AttachReceipt, LoaderError, Lora, Unsupported
from loader_kit.adapter_files import AdapterFiles, Factors, read_adapter
from loader_kit.matching import make_receipt, match_modules, scaling_of

from .engine import Engine, Joined, Linear

_LARGEST = torch.finfo(torch.float16).max


class Row(msgspec.Struct, frozen=True):
    """One adapter that is attached."""

    lora: Lora
    receipt: AttachReceipt
    factors: Mapping[str, Factors]
    """As they were read, each on its module's device."""
    scalings: Mapping[str, float]
    """alpha / rank, or alpha / sqrt(rank)."""


class JoinedStack:
    """The adapters of one model, in the user's order. Every change is all or nothing."""

    def __init__(self, engine: Engine) -> None:
        """`engine` computes without adapters."""
        self._engine = engine
        self._rows: list[Row] = []
        self._version = 0

    def version(self) -> int:
        """Another number after every change: a KV cache made before it is of no use."""
        return self._version

    @property
    def rows(self) -> tuple[Lora, ...]:
        """What is attached, in the user's order."""
        return tuple(row.lora for row in self._rows)

    def replace(self, wanted: Sequence[Lora]) -> list[AttachReceipt]:
        """Make `wanted` the whole stack. On LoaderError the stack is what it was."""
        started = perf_counter()
        rows = [self._row(lora) for lora in wanted]
        joined = join([row for row in rows if row.lora.effective_weight != 0])
        try:
            self._engine.use(joined)
        finally:
            self._version += 1
        milliseconds = (perf_counter() - started) * 1000
        before = {row.receipt.id for row in self._rows}
        self._rows = [row if row.lora.id in before else _timed(row, milliseconds) for row in rows]
        return [row.receipt for row in self._rows]

    def apply(self, lora: Lora) -> AttachReceipt:
        """Attach one adapter at the end of the stack, or change the row that has its id."""
        rows = [lora if row.id == lora.id else row for row in self.rows]
        if all(row.id != lora.id for row in rows):
            rows.append(lora)
        return next(receipt for receipt in self.replace(rows) if receipt.id == lora.id)

    def remove(self, lora: Lora) -> None:
        """Detach one adapter; one that is not attached is none."""
        self.replace([row for row in self.rows if row.id != lora.id])

    def _row(self, lora: Lora) -> Row:
        same = [row for row in self._rows if (row.lora.id, row.lora.path) == (lora.id, lora.path)]
        if same:
            receipt = msgspec.structs.replace(same[0].receipt, name=lora.name, weight=lora.effective_weight)
            return msgspec.structs.replace(same[0], lora=lora, receipt=receipt)
        files = read_adapter(Path(lora.path), lora.name)
        refuse_unsupported(files)
        linears = self._engine.linears
        matched = match_modules(Linears(linears), files)
        factors = {name: _moved(row, linears[name].device) for name, row in matched.items()}
        receipt = msgspec.structs.replace(
            make_receipt(lora, files, matched),
            bytes=2 * sum(row.a.numel() + row.b.numel() for row in matched.values()),
        )
        return Row(lora, receipt, factors, {name: scaling_of(name, files) for name in matched})


class Linears:
    """The engine's linears, as the matching of adapters wants to see a model."""

    def __init__(self, linears: Mapping[str, Linear]) -> None:
        """By the names transformers gives them."""
        self._linears = linears

    def named_modules(self) -> list[tuple[str, Any]]:
        """As torch modules have it."""
        return list(self._linears.items())


def refuse_unsupported(files: AdapterFiles) -> None:
    """Raise Unsupported, by name, for what ExLlama's kernels don't add."""
    instead = "The AutoGPTQ loader can attach it to the same model."
    if files.kind == "DoRA":
        raise Unsupported(f"{files.name} is a DoRA adapter, which ExLlama can't compute. {instead}")
    outside = next((name for name, row in files.modules.items() if row.embedding or "layers" not in name), None)
    if outside is not None:
        raise Unsupported(
            f"{files.name} has factors for {outside}; ExLlama adds factors only inside the layers. {instead}"
        )
    if files.parts.tensors():
        raise Unsupported(
            f"{files.name} brings more than factors (biases, whole modules or trained tokens), which ExLlama can't "
            f"compute. {instead}"
        )


def join(rows: Sequence[Row]) -> Joined:
    """The factors of one adapter that does what these do together. Raises LoaderError where float16 can't hold them."""
    names = sorted({name for row in rows for name in row.factors})
    joined = {name: _join_module(name, [row for row in rows if name in row.factors]) for name in names}
    largest = [side.abs().amax().float().cpu() for pair in joined.values() for side in pair]
    if largest and not bool((torch.stack(largest) <= _LARGEST).all()):
        shown = ", ".join(f"{row.lora.name} at {row.lora.effective_weight:g}" for row in rows)
        raise LoaderError(
            f"ExLlama computes in float16, which can't hold the factors of this stack ({shown}). Choose weights nearer "
            "to 0, or open the model with the AutoGPTQ loader."
        )
    return joined


def _join_module(name: str, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    a = torch.cat([row.factors[name].a.to(torch.float16).T for row in rows], dim=1)
    weighed = [
        row.factors[name].b.float().T * (row.lora.effective_weight * row.scalings[name]) for row in rows
    ]  # rounded once, after the product
    return a.contiguous(), torch.cat(weighed, dim=0).to(torch.float16).contiguous()


def _moved(factors: Factors, device: str) -> Factors:
    return Factors(factors.a.to(device), factors.b.to(device))


def _timed(row: Row, milliseconds: float) -> Row:
    return msgspec.structs.replace(row, receipt=msgspec.structs.replace(row.receipt, milliseconds=milliseconds))
