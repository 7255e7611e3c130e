"""Counts the prompt's tokens when the typing rests."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from desktop.prompting.lora_tags import read_tags

DELAY = 300
"""Milliseconds without typing."""
LONGEST = 200_000
"""Characters that are counted while typing; more would keep the engine busy."""


class TokenCounter(QObject):
    """Numbers its questions, so that a late answer about an older text is passed over."""

    #: Count this: the question's number and the text.
    count_wanted = Signal(int, str)
    #: The count to show, or None.
    counted = Signal(object)

    def __init__(self, parent: QObject | None = None, direction: int = 1) -> None:
        """Nothing to count. Two counters on one engine number their questions in different directions."""
        super().__init__(parent)
        self._direction = direction
        self._text = ""
        self._number = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self._on_rest)

    def text_changed(self, text: str) -> None:
        """The prompt is another one."""
        self._text = text
        self._timer.start()

    @Slot(int, int)
    def take(self, number: int, tokens: int) -> None:
        """The engine counted."""
        if self.is_about(number):
            self.counted.emit(tokens)

    def is_about(self, number: int) -> bool:
        """Whether an answer to this question is about the present text."""
        return number == self._number

    def _on_rest(self) -> None:
        self._number += self._direction
        if self._text and len(self._text) <= LONGEST:
            self.count_wanted.emit(self._number, read_tags(self._text).text)
        else:
            self.counted.emit(None)
