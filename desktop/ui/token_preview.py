"""A text for the model to read, with its tokens told apart once the engine has told them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from PySide6.QtCore import QEvent
from PySide6.QtGui import QHelpEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QToolTip, QWidget

from desktop.api import RowTokens

from . import theme
from .train_colours import token_colour

SHOWN = 2000
"""Tokens that are told apart."""


class TokenPreview(QPlainTextEdit):
    """Read only. Neighbouring tokens stand on slightly different grounds; the mouse tells their numbers."""

    # Qt calls what is overridden here while it still makes the widget.
    _tokens: RowTokens | None = None
    _starts: Sequence[int] = ()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        """Empty; `name` is what screen readers say."""
        super().__init__(parent)
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setAccessibleName(name)
        self.setFont(theme.fixed_width_font())

    def show_text(self, text: str) -> None:
        """Another text; its tokens are not known yet."""
        if text != self.toPlainText():
            self._tokens = None
            self.setPlainText(text)
            self._mark()

    def show_tokens(self, tokens: RowTokens) -> None:
        """Mark them, where they make up the text that stands here."""
        if "".join(tokens.texts) == self.toPlainText()[: sum(map(len, tokens.texts))]:
            self._tokens = tokens
            self._mark()

    def _mark(self) -> None:
        texts = self._tokens.texts[:SHOWN] if self._tokens is not None else ()
        # Qt counts in UTF-16.
        sizes = [len(text.encode("utf-16-le")) // 2 for text in texts]
        self._starts = list(accumulate(sizes[:-1], initial=0)) if sizes else []
        grounds = []
        for odd in (False, True):
            made = QTextCharFormat()
            made.setBackground(token_colour(self.palette(), trained=False, odd=odd))
            grounds.append(made)
        marks = []
        for number, (start, size) in enumerate(zip(self._starts, sizes, strict=True)):
            mark = QTextEdit.ExtraSelection()
            cursor = QTextCursor(self.document())
            cursor.setPosition(start)
            cursor.setPosition(start + size, QTextCursor.MoveMode.KeepAnchor)
            mark.cursor, mark.format = cursor, grounds[number % 2]
            marks.append(mark)
        self.setExtraSelections(marks)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """The number of the token under the mouse."""
        known = self._tokens is not None and bool(self._starts)
        if known and isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            assert self._tokens is not None
            at = bisect_right(self._starts, self.cursorForPosition(event.pos()).position()) - 1
            QToolTip.showText(event.globalPos(), self.tr("token {id}").format(id=self._tokens.ids[at]), self)
            return True
        return super().viewportEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Another theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._tokens is not None:
            self._mark()
