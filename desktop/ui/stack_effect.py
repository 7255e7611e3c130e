"""A line under the stack: how far it moves the logits of the next token, measured after every change."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from desktop.api import Lora

from . import theme


class StackEffect(theme.Note):
    """Hidden until something was measured."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Nothing was measured yet."""
        super().__init__("", parent)
        self.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.GRID)
        self.setFont(theme.tabular(self.font()))
        self.setAccessibleName(self.tr("What the stack does"))
        self._acts = False

    def expect(self, rows: Sequence[Lora]) -> None:
        """The stack was changed to these rows; what was measured of another one means nothing."""
        self._acts = any(row.effective_weight for row in rows)
        self.say("")

    @Slot(float)
    def show_moved(self, moved: float) -> None:
        """The largest change of a logit of the next token; NaN where one is no number any more."""
        if not self._acts:
            return
        if math.isnan(moved):
            self.say(self.tr("This stack gives numbers that are none (NaN). Lower the weights."), error=True)
        elif moved == 0:
            self.say(self.tr("This stack changed nothing on a short prompt."), error=True)
        else:
            self.say(self.tr("Moves the next token's logits by up to {moved:.3g}").format(moved=moved))
