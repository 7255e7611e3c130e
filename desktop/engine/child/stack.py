"""The adapter stack of one model: all or nothing, whatever hooks the loader has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from desktop.api import AttachReceipt, LoaderError, Lora, Model

from .plugins import Plugin


class StackBroken(Exception):
    """A change failed and undoing it failed too: nobody knows what the model computes. The engine must restart."""


class Stack:
    """What is attached to the model, in the user's order."""

    def __init__(self, plugin: Plugin, model: Model) -> None:
        """An empty stack on a freshly loaded model."""
        self._plugin = plugin
        self._model = model
        self.loras: tuple[Lora, ...] = ()
        self._receipts: dict[str, AttachReceipt] = {}

    def replace(self, wanted: Sequence[Lora]) -> list[AttachReceipt]:
        """Make `wanted` the stack. If anything fails, the stack is what it was and the error is raised."""
        _check(wanted)
        if self._plugin.has("set_stack"):
            receipts = self._plugin.set_stack(self._model, list(wanted))
        else:
            receipts = self._step_by_step(wanted)
        self.loras = tuple(wanted)
        self._receipts = {receipt.id: receipt for receipt in receipts}
        return receipts

    def apply(self, lora: Lora) -> AttachReceipt:
        """Attach one adapter at the end of the stack, or change the row that has its id."""
        if any(row.id == lora.id for row in self.loras):
            wanted = [lora if row.id == lora.id else row for row in self.loras]
        else:
            wanted = [*self.loras, lora]
        receipts = self.replace(wanted)
        return next(receipt for receipt in receipts if receipt.id == lora.id)

    def remove(self, lora_id: str) -> None:
        """Detach one adapter. Raises LoaderError if it is not in the stack."""
        wanted = [row for row in self.loras if row.id != lora_id]
        if len(wanted) == len(self.loras):
            raise LoaderError("This adapter is not in the stack.")
        self.replace(wanted)

    def _step_by_step(self, wanted: Sequence[Lora]) -> list[AttachReceipt]:
        present = {row.id: row for row in self.loras}
        after = {row.id: row for row in wanted}
        replaced = [row for row in self.loras if row.id not in after or after[row.id].path != row.path]
        undo: list[Callable[[], object]] = []
        receipts = dict(self._receipts)
        try:
            # Removing is what can't fail for want of memory or a bad file, but attaching over a row of the same
            # id needs the row gone first.
            for row in replaced:
                self._plugin.remove_lora(self._model, row)
                undo.append(_Apply(self._plugin, self._model, row))
                present.pop(row.id)
            for row in wanted:
                before = present.get(row.id)
                if before == row:
                    continue
                receipts[row.id] = self._plugin.apply_lora(self._model, row)
                restore = _Remove(self._plugin, self._model, row) if before is None else None
                undo.append(restore or _Apply(self._plugin, self._model, before))  # type: ignore[arg-type]
        except BaseException as error:
            self._roll_back(undo, error)
            raise
        return [
            msgspec.structs.replace(receipts[row.id], name=row.name, weight=row.effective_weight) for row in wanted
        ]

    def _roll_back(self, undo: Sequence[Callable[[], object]], cause: BaseException) -> None:
        for step in reversed(undo):
            try:
                step()
            except Exception as error:
                raise StackBroken(f"{cause}; and putting the stack back failed: {error}") from cause


class _Apply:
    def __init__(self, plugin: Plugin, model: Model, lora: Lora) -> None:
        self.plugin, self.model, self.lora = plugin, model, lora

    def __call__(self) -> None:
        self.plugin.apply_lora(self.model, self.lora)


class _Remove(_Apply):
    def __call__(self) -> None:
        self.plugin.remove_lora(self.model, self.lora)


def _check(wanted: Sequence[Lora]) -> None:
    seen: set[str] = set()
    for row in wanted:
        if row.id in seen:
            raise LoaderError(f"The adapter {row.name} stands in the stack twice. Use one row and add the weights.")
        if not math.isfinite(row.weight):
            raise LoaderError(f"The weight of {row.name} is {row.weight}; it must be a finite number such as 0.8.")
        seen.add(row.id)
