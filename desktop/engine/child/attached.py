"""What a loader without `set_stack` has attached, changed row by row with its other two hooks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from desktop.api import AttachReceipt, LoaderError, Lora, Model

from .plugins import Plugin


class Attached:
    """The rows on the model, in the order in which they were attached; known after every step, failed or not."""

    def __init__(self, plugin: Plugin, model: Model) -> None:
        """Nothing is attached to a freshly loaded model."""
        self._plugin = plugin
        self._model = model
        self._rows: list[Lora] = []
        self._doubtful: set[str] = set()
        """Rows whose hook failed in a way that leaves open what it has done; they are attached anew."""
        self._receipts: dict[str, AttachReceipt] = {}

    def become(self, wanted: Sequence[Lora]) -> list[AttachReceipt]:
        """Make the model hold `wanted`, in that order: sums of floating-point numbers depend on it.

        Whatever a hook raises is raised, and the rows so far are what is attached: `become` what was before to undo it.
        """
        kept = self._keep(wanted)
        # Rows are removed first: a loader may have room for one adapter only, and attaching comes at the end.
        for row in reversed([row for row in self._rows if row.id not in kept]):
            self._remove(row)
        for row in wanted:
            if row not in self._rows or row.id in self._doubtful:
                self._apply(row)
        return [self._receipt(row) for row in wanted]

    def _receipt(self, row: Lora) -> AttachReceipt:
        # It may be older than the row's name, or written by a loader that doesn't fill in the obvious.
        receipt = self._receipts[row.id]
        return msgspec.structs.replace(receipt, id=row.id, name=row.name, weight=row.effective_weight)

    def _keep(self, wanted: Sequence[Lora]) -> set[str]:
        """Ids of the longest beginning of `wanted` that is attached in this order, be it with rows in between."""
        kept: set[str] = set()
        rest = iter(self._rows)
        for row in wanted:
            if not any((row.id, row.path) == (there.id, there.path) for there in rest):
                break
            kept.add(row.id)
        return kept

    def _apply(self, row: Lora) -> None:
        places = [place for place, there in enumerate(self._rows) if there.id == row.id]
        try:
            receipt = self._plugin.apply_lora(self._model, row)
        except LoaderError:
            raise  # the loader's word that nothing has changed
        except BaseException:
            if places:
                self._doubtful.add(row.id)
            else:
                self._remove_half(row)
            raise
        if places:
            self._rows[places[0]] = row
        else:
            self._rows.append(row)
        self._doubtful.discard(row.id)
        self._receipts[row.id] = receipt

    def _remove(self, row: Lora) -> None:
        self._doubtful.add(row.id)
        self._plugin.remove_lora(self._model, row)
        self._doubtful.discard(row.id)
        self._rows.remove(row)
        self._receipts.pop(row.id)

    def _remove_half(self, row: Lora) -> None:
        try:
            self._plugin.remove_lora(self._model, row)
        except (Exception, SystemExit):
            pass  # as it should be where nothing was attached
