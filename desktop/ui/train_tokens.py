"""The exact tokens of one row, those that are learnt coloured and underlined."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import islice

from PySide6.QtCore import QEvent
from PySide6.QtGui import QHelpEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit, QToolTip, QWidget

from desktop.session.train_plans import RowLook

from . import theme
from .train_colours import token_colour

SHOWN = 1000
"""Tokens of a row that are drawn; the others are counted."""

Piece = tuple[str, bool, str]
"""A text, whether it is learnt, and its tooltip."""


class TrainTokens(QTextEdit):
    """Plain text in colours; never taken for HTML, whatever the data says."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(False)
        self.setAccessibleName(self.tr("Tokens of the row"))
        self.setFont(theme.fixed_width_font())
        self._look: RowLook | None = None
        self._starts: list[int] = []
        self._tips: list[str] = []

    def show_row(self, look: RowLook | None) -> str:
        """Show a row; what is to be said about it."""
        self._look = look
        self._draw()
        if look is None or look.problem:
            return look.problem if look else ""
        if not look.tokens:
            return look.why_no_tokens
        ids = sum(len(block.ids) for block in look.tokens)
        learnt = sum(sum(block.trained) for block in look.tokens)
        cut = sum(block.cut for block in look.tokens)
        words = self.tr("{learnt} of {ids} tokens are learnt (coloured).").format(learnt=learnt, ids=ids)
        if cut:
            words += " " + self.tr("{cut} tokens beyond the cutoff are left out.").format(cut=cut)
        if len(look.tokens) > 1:
            words += " " + self.tr("The text is cut into {count} blocks.").format(count=len(look.tokens))
        if ids > SHOWN:
            words += " " + self.tr("The first {count} are shown.").format(count=SHOWN)
        return words

    def _pieces(self, look: RowLook) -> Iterable[Piece]:
        if not look.tokens:
            for part in look.row.parts:
                yield part.text, part.trained, self.tr("learnt") if part.trained else self.tr("not learnt")
            return
        for block in look.tokens:
            for number, text, trained in zip(block.ids, block.texts, block.trained, strict=True):
                tip = self.tr("token {id}, learnt") if trained else self.tr("token {id}, not learnt")
                yield text, trained, tip.format(id=number)

    def _draw(self) -> None:
        self.clear()
        self._starts, self._tips = [], []
        if self._look is None:
            return
        palette = self.palette()
        formats = {}
        for trained in (False, True):
            for odd in (False, True):
                made = QTextCharFormat()
                made.setBackground(token_colour(palette, trained=trained, odd=odd))
                made.setFontUnderline(trained)
                formats[trained, odd] = made
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for number, (text, trained, tip) in enumerate(islice(self._pieces(self._look), SHOWN)):
            self._starts.append(cursor.position())
            self._tips.append(tip)
            cursor.insertText(_visible(text), formats[trained, bool(number % 2)])
        cursor.endEditBlock()

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """The number of the token under the mouse. Not in its format: as many formats as tokens take time."""
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip and self._starts:
            at = bisect_right(self._starts, self.cursorForPosition(event.pos()).position()) - 1
            QToolTip.showText(event.globalPos(), self._tips[max(at, 0)], self)
            return True
        return super().viewportEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Another theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_look"):
            self._draw()


def _visible(text: str) -> str:
    """Line breaks with a sign before them, other control characters by their pictures."""
    shown = text.replace("\r\n", "\n").replace("\n", "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}\n")
    return "".join(
        chr(0x2400 + ord(one)) if ord(one) < 32 and one not in "\n\t" else one for one in shown
    )  # fmt: skip
