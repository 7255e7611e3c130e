"""The adapter stack of one model: all or nothing, whatever hooks the loader has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from desktop.api import AttachReceipt, LoaderError, Lora, Mode, Model

from .attached import Attached
from .plugins import Plugin


class StackBroken(Exception):
    """A change failed and undoing it failed too: nobody knows what the model computes. The engine must restart."""


class Stack:
    """What is attached to the model, in the user's order."""

    def __init__(self, plugin: Plugin, model: Model) -> None:
        """An empty stack on a freshly loaded model."""
        self._plugin = plugin
        self._model = model
        self._attached = Attached(plugin, model)
        self._broken = ""
        self.loras: tuple[Lora, ...] = ()
        self.mode: Mode = "exact"
        """How the model computes it."""

    def check(self) -> None:
        """Raises StackBroken if an earlier failure has left the model in a state that nobody knows."""
        if self._broken:
            raise StackBroken(self._broken)

    def replace(self, wanted: Sequence[Lora]) -> list[AttachReceipt]:
        """Make `wanted` the stack. If anything fails, the stack is what it was and the error is raised."""
        self.check()
        _check(wanted)
        change = self._at_once if self._plugin.has("set_stack") else self._attached.become
        try:
            receipts = change(wanted)
        except BaseException as error:
            self._put_back(change, error)
            raise
        self.loras = tuple(wanted)
        return receipts

    def apply(self, lora: Lora) -> AttachReceipt:
        """Attach one adapter at the end of the stack, or change the row that has its id."""
        places = [place for place, row in enumerate(self.loras) if row.id == lora.id]
        place = places[0] if places else len(self.loras)
        return self.replace([*self.loras[:place], lora, *self.loras[place + 1 :]])[place]

    def remove(self, lora_id: str) -> None:
        """Detach one adapter. Raises LoaderError if it is not in the stack."""
        wanted = [row for row in self.loras if row.id != lora_id]
        if len(wanted) == len(self.loras):
            raise LoaderError("This adapter is not in the stack.")
        self.replace(wanted)

    def set_mode(self, mode: Mode) -> None:
        """Fold it or unfold it. On LoaderError nothing has changed."""
        self.check()
        try:
            self._model.set_mode(mode)
        except LoaderError:
            raise
        except BaseException as error:
            self._broken = f"changing the mode failed: {error}"
            raise StackBroken(self._broken) from error
        self.mode = mode

    def _at_once(self, wanted: Sequence[Lora]) -> list[AttachReceipt]:
        return self._plugin.set_stack(self._model, list(wanted))

    def _put_back(self, change: Callable[[Sequence[Lora]], object], cause: BaseException) -> None:
        if change == self._at_once and isinstance(cause, LoaderError):
            return  # the loader's word that nothing has changed; after any other exception there is no such word
        try:
            change(self.loras)
        except BaseException as error:
            self._broken = f"{cause}; and putting the stack back failed: {error}"
            raise StackBroken(self._broken) from cause


def _check(wanted: Sequence[Lora]) -> None:
    seen: set[str] = set()
    for row in wanted:
        if row.id in seen:
            raise LoaderError(f"The adapter {row.name} stands in the stack twice. Use one row and add the weights.")
        if not math.isfinite(row.weight):
            raise LoaderError(f"The weight of {row.name} is {row.weight}; it must be a finite number such as 0.8.")
        seen.add(row.id)
