"""One column of answers: plain text that streams, with what was asked and what came of it."""

from __future__ import annotations

from PySide6.QtGui import QFont, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from . import theme

SHOWN_PROMPT = 2000
"""Characters of a prompt that are repeated above its answer."""
LONGEST_LINE = 4000
"""Characters after which a line is shown broken: Qt lays a line out as a whole, at every piece that is added to it."""


class AnswerColumn(QWidget):
    """Text only: nothing a model writes is taken for HTML, and nothing in it is loaded or run."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        """`title` stands above it while the columns are compared."""
        super().__init__(parent)
        self._title = theme.heading(title)
        self._title.hide()
        self._line = 0
        self._note = theme.Note()
        self._note.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 0)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self._text.setAccessibleName(title)
        self._text.document().setDocumentMargin(theme.MARGIN)
        self._text.setUndoRedoEnabled(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._title)
        layout.addWidget(self._note)
        layout.addWidget(self._text, 1)
        self._title.setContentsMargins(theme.MARGIN, theme.GAP, theme.MARGIN, 0)

    def show_title(self, shown: bool) -> None:
        """While there are two columns, each says what it is."""
        self._title.setVisible(shown)

    def say(self, note: str) -> None:
        """What has to be known of the answers, under the title; empty where there is nothing."""
        self._note.say(note)

    def write_prompt(self, prompt: str) -> None:
        """What was asked, set off from the answers."""
        if not self._text.document().isEmpty():
            self._write("\n\n")
        more = "..." if len(prompt) > SHOWN_PROMPT else ""
        style = QTextCharFormat()
        style.setFontWeight(QFont.Weight.DemiBold)
        self._write(prompt[:SHOWN_PROMPT].strip() + more + "\n", style)
        self._line = 0

    def write_answer(self, text: str) -> None:
        """A piece of an answer."""
        first, *others = text.split("\n")
        shown = [self._broken(first)]
        for line in others:
            self._line = 0
            shown.append(self._broken(line))
        self._write("\n".join(shown))

    def _broken(self, line: str) -> str:
        """The rest of a line, shown as several where it has become too long."""
        parts = []
        while self._line + len(line) > LONGEST_LINE:
            room = LONGEST_LINE - self._line
            parts.append(line[:room])
            line, self._line = line[room:], 0
        parts.append(line)
        self._line += len(line)
        return "\n".join(parts)

    def clear(self) -> None:
        """Forget everything."""
        self._text.clear()

    def text(self) -> str:
        """All of it."""
        return self._text.toPlainText()

    def _write(self, text: str, style: QTextCharFormat | None = None) -> None:
        bar = self._text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        cursor = QTextCursor(self._text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        # insertText takes the text as it stands; a NUL would end it.
        cursor.insertText(text.replace("\0", "\N{REPLACEMENT CHARACTER}"), style or QTextCharFormat())
        if at_end:
            bar.setValue(bar.maximum())
