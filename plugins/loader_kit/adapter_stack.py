"""The adapter stack of a model: the fused one for what it knows, PEFT's layers for what it doesn't."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from desktop.api import AttachReceipt, LoaderError, Lora, Mode, Unsupported

from .adapter_files import AdapterFiles, read_adapter
from .folding import Folding
from .fused_stack import FusedStack
from .lora_site import LoraSite
from .peft_stack import PeftStack, refuse_parts

NOT_FOLDABLE = "A DoRA adapter can't be folded into the weights. Choose the exact mode, or take it off."


def _nothing() -> None:
    """Nobody listens."""


class AdapterStack:
    """Any number of adapters, each with its weight, removed to the bit. Every change is all or nothing.

    DoRA rescales the base's own output, so it is no sum of factors and goes through PEFT; the whole stack then does,
    because a DoRA beside others means what PEFT makes of it.
    """

    def __init__(self, model: Any, changed: Callable[[], None] = _nothing) -> None:
        """`model` is a torch module whose linears are without adapters; `changed` is called after every change."""
        self._changed = changed
        self._fused = FusedStack(model)
        self._peft: PeftStack | None = None
        self._model = model
        self._rows: tuple[Lora, ...] = ()
        self._needs_peft: dict[tuple[str, str], bool] = {}
        self._version = 0
        self._folding: Folding | None = None

    def version(self) -> int:
        """Another number after every change: a KV cache made before it is of no use."""
        return self._version

    def replace(self, wanted: Sequence[Lora]) -> list[AttachReceipt]:
        """Make `wanted` the whole stack. On LoaderError the stack is what it was."""
        read = self._read_new(wanted)
        try:
            receipts = self._refolded(wanted, read) if self._folding else self._replace(wanted, read)
        finally:
            self._version += 1
            self._changed()
        self._rows = tuple(wanted)
        return receipts

    @property
    def mode(self) -> Mode:
        """How the sum is computed now."""
        return "folded" if self._folding else "exact"

    @property
    def rows(self) -> tuple[Lora, ...]:
        """What is attached, in the user's order."""
        return self._rows

    @property
    def sites(self) -> dict[str, LoraSite]:
        """Where adapters act, by module name; empty where PEFT's layers do the work."""
        return self._fused.sites

    @property
    def through_peft(self) -> bool:
        """Whether PEFT's layers do the work."""
        return self._peft is not None

    def set_mode(self, mode: Mode) -> None:
        """Fold what is attached into new weights, or unfold it to the bit. On LoaderError nothing has changed."""
        if mode == self.mode:
            return
        if self._folding:
            self._folding.unfold()
            self._folding = None
        else:
            if self._peft:
                raise Unsupported(NOT_FOLDABLE)
            folding = Folding()
            self._fold(folding)
            self._folding = folding
        self._version += 1
        self._changed()

    def _refolded(self, wanted: Sequence[Lora], read: Mapping[str, AdapterFiles]) -> list[AttachReceipt]:
        """Change the stack under the base's own weights and fold it again."""
        assert self._folding is not None
        if any(self._needs_peft[row.id, row.path] for row in wanted):
            raise Unsupported(NOT_FOLDABLE)
        before = self._rows
        self._folding.unfold()
        try:
            receipts = self._fused.replace(wanted, read)
            self._fold(self._folding)
        except BaseException:
            self._fused.replace(before)
            self._fold(self._folding)
            raise
        return receipts

    def _fold(self, folding: Folding) -> None:
        sites = self._fused.sites
        if both := sorted(sites.keys() & self._fused.trained):
            # base(x) + weight * (trained(x) - base(x)) with a base that has the factors in it would be another sum.
            raise Unsupported(
                f"{both[0]} has factors of one adapter and a trained module of another (modules_to_save), which can't "
                "be folded together. Choose the exact mode."
            )
        folding.fold(sites)

    def _replace(self, wanted: Sequence[Lora], read: Mapping[str, AdapterFiles]) -> list[AttachReceipt]:
        through_peft = any(self._needs_peft[row.id, row.path] for row in wanted)
        if through_peft == (self._peft is not None):
            return self._peft.replace(wanted) if self._peft else self._fused.replace(wanted, read)
        return self._change_over(wanted, through_peft)

    def apply(self, lora: Lora) -> AttachReceipt:
        """Attach one adapter at the end of the stack, or change the row that has its id."""
        rows = [lora if row.id == lora.id else row for row in self._rows]
        if all(row.id != lora.id for row in self._rows):
            rows.append(lora)
        return next(receipt for receipt in self.replace(rows) if receipt.id == lora.id)

    def remove(self, lora: Lora) -> None:
        """Detach one adapter; one that is not attached is none."""
        self.replace([row for row in self._rows if row.id != lora.id])

    def _read_new(self, wanted: Sequence[Lora]) -> dict[str, AdapterFiles]:
        """The files of rows that are not attached, each read once."""
        attached = {(row.id, row.path) for row in self._rows}
        read = {row.id: read_adapter(Path(row.path), row.name) for row in wanted if (row.id, row.path) not in attached}
        self._needs_peft |= {(row.id, row.path): _is_for_peft(read[row.id]) for row in wanted if row.id in read}
        return read

    def _change_over(self, wanted: Sequence[Lora], through_peft: bool) -> list[AttachReceipt]:
        """Put the stack on the other engine; if that fails, put it back on this one."""
        before = self._rows
        if through_peft:
            for row in wanted:
                refuse_parts(read_adapter(Path(row.path), row.name))
        (self._peft or self._fused).replace(())
        try:
            self._peft = new_peft_stack(self._model) if through_peft else None
            return (self._peft or self._fused).replace(wanted)
        except BaseException:
            self._peft = None if through_peft else new_peft_stack(self._model)
            (self._peft or self._fused).replace(before)
            raise


def _is_for_peft(files: AdapterFiles) -> bool:
    return bool(files.config.get("use_dora"))


def new_peft_stack(model: Any) -> PeftStack:
    """Raises LoaderError where PEFT is not installed."""
    from importlib.util import find_spec

    if find_spec("peft") is None:
        raise LoaderError("A DoRA adapter needs the package peft, which is not installed here. Install it with pip.")
    return PeftStack(model)
