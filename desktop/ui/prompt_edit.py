"""The editor of the prompt: plain text, and long pastes kept beside it, because laying them out would stall the window.

Qt lays a line out as a whole: one of 200,000 characters takes it 5 s, and again at every key (tried).
"""

from __future__ import annotations

import re

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import QDragEnterEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

LONGEST_LINE = 10_000
"""Characters in one line the editor lays out without a stall."""
LONGEST_TEXT = 200_000
"""Characters it holds as they are, in lines that are short enough."""
LINE = re.compile(r"[^\n\r\u2028\u2029]+")


class PromptEdit(QPlainTextEdit):
    """Where a long text was pasted stands a mark; `text` has the text itself in its place."""

    #: Other long texts stand in the prompt: a list of (mark, number of characters).
    marks_changed = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._long: dict[str, str] = {}
        self._marks: list[tuple[str, int]] = []
        self.textChanged.connect(self._on_text_changed)

    def text(self) -> str:
        """The prompt, whole."""
        # Qt's own toPlainText makes ordinary spaces of the ones that don't break.
        shown = re.sub("[\u2028\u2029]", "\n", self.document().toRawText())
        if not self._long:
            return shown
        # One pass: what looks like a mark inside a long text is the user's own.
        marks = "|".join(re.escape(mark) for mark in self._long)
        return re.sub(marks, lambda found: self._long[found[0]], shown)

    def show_text(self, text: str) -> None:
        """Put a text in the place of what is there."""
        self._long = {}
        text = text.replace("\0", "")
        self.setPlainText(text if _is_short(text) else self._mark(text))

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802
        """Paste or drop text."""
        text = source.text().replace("\0", "")
        line = len(self.textCursor().block().text())
        room = LONGEST_TEXT - self.document().characterCount()
        short = len(text) <= room and _is_short(text, line)
        self.insertPlainText(text if short else self._mark(text))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Leave folders to the window."""
        if event.mimeData().hasUrls():
            event.ignore()
            return
        super().dragEnterEvent(event)

    def _mark(self, text: str) -> str:
        there, number = self.text(), 1
        while (mark := self.tr("[long text {number}]").format(number=number)) in self._long or mark in there:
            number += 1
        self._long[mark] = text
        return mark

    def _on_text_changed(self) -> None:
        if not self._long and not self._marks:
            return
        shown = self.toPlainText()
        marks = [(mark, len(text)) for mark, text in self._long.items() if mark in shown]
        if marks != self._marks:
            self._marks = marks
            self.marks_changed.emit(marks)


def _is_short(text: str, line: int = 0) -> bool:
    """Whether the editor can hold a text without a stall; `line` characters stand in the line it goes to."""
    longest = max((len(found[0]) for found in LINE.finditer(text)), default=0) if len(text) <= LONGEST_TEXT else 0
    return len(text) <= LONGEST_TEXT and longest + line <= LONGEST_LINE
