"""The frames of a document in which messages stand."""

from __future__ import annotations

from PySide6.QtGui import QTextBlock, QTextBlockFormat, QTextCharFormat, QTextCursor, QTextFrame

from . import theme


def make_thin(block: QTextBlock) -> None:
    """Between two frames Qt keeps a line, which is not to be seen."""
    cursor = QTextCursor(block)
    form = QTextBlockFormat()
    form.setLineHeight(theme.GRID, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    style = QTextCharFormat()
    style.setFontPointSize(1)
    cursor.setBlockFormat(form)
    cursor.setBlockCharFormat(style)


def text_of(frame: QTextFrame) -> str:
    """What a message says."""
    cursor = frame.firstCursorPosition()
    cursor.setPosition(frame.lastPosition(), QTextCursor.MoveMode.KeepAnchor)
    return cursor.selectedText().replace("\u2029", "\n").replace("\u2028", "\n")
