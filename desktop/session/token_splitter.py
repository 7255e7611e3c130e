"""The tokens of a text, one by one, from the engine that is prompted."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from desktop.api import RowTokens, TrainingRow, TrainSettings
from desktop.api.training import Part

from .asking import EngineAsking

LONGEST = 8192
"""Tokens of a text that are told; what comes after them is left out."""


class TokenSplitter(QObject):
    """Never waits; where nobody can be asked, nothing is told."""

    #: A text's number, and its tokens: RowTokens.
    tokens_split = Signal(int, object)

    def __init__(self, asking: EngineAsking, is_idle: Callable[[], bool], parent: QObject | None = None) -> None:
        """`is_idle` says whether an engine with a model has nothing to do."""
        super().__init__(parent)
        self._asking = asking
        self._is_idle = is_idle

    def split(self, number: int, text: str) -> None:
        """Ask for the tokens of a text exactly as it stands, without a begin or an end of their own."""
        if not self._is_idle():
            return

        def tell(blocks: tuple[RowTokens, ...]) -> None:
            if blocks:
                self.tokens_split.emit(number, blocks[0])

        row = TrainingRow(parts=(Part(text, trained=False),), add_special_tokens=False)
        self._asking.show_row(row, TrainSettings(cutoff=LONGEST), tell, lambda _why: None)
