"""Writes one message into a document, in steps so short that the window never stalls."""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import (
    QFont,
    QPalette,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocumentFragment,
    QTextFormat,
    QTextFrame,
)

from . import theme
from .code_colours import coloured
from .message_parts import SLICE, Mode, Part, broken, split
from .safe_markdown import markdown_document

LONGEST = 60_000
"""Characters of a message that are laid out; what is longer is shown as plain text from there on."""
WINDOW = 4 * SLICE
"""Characters that are cut into parts at a time."""


class MessageWriter:
    """Takes text as it comes; each `step` lays a little of it out, the unfinished end again when it has grown."""

    def __init__(self, frame: QTextFrame, font: QFont, palette: QPalette, turn_id: str, plain: bool = False) -> None:
        """Writes at the end of the frame; `plain` where no markup is looked for."""
        self._frame = frame
        self._font = font
        self._palette = palette
        self._turn_id = turn_id
        self._plain = plain
        self._text = ""
        self._offset = 0
        self._mode = Mode()
        self._parts: deque[Part] = deque()
        self._tail: QTextCursor | None = None
        """Where the unfinished end begins, which is written again as it grows."""
        self._think: QTextCursor | None = None
        self._words = 0
        self._ended = False
        self._dirty = False
        self.opens_thinking = False
        self._fresh = True
        self._tail_fresh = True

    def begin_below(self) -> None:
        """What stands in the frame already is the message's head."""
        self._fresh = False

    def feed(self, text: str) -> None:
        """More of the message."""
        self._text += text
        self._dirty = True
        if len(text) < SLICE and self._tail is not None and self._mode == Mode():
            # Seen at once; it is laid out with its paragraph a little later.
            cursor = self._frame.lastCursorPosition()
            cursor.insertText(broken(_clean(text)), QTextCharFormat())

    def end(self) -> None:
        """All of the message has come."""
        self._ended = True
        if self._mode == Mode() and not self._offset and "</think>" in self._text:
            head = self._text.partition("</think>")[0]
            # The template has opened the thinking in the prompt.
            self._mode = Mode(think="<think>" not in head)

    def step(self) -> bool:
        """Lay out one part more; whether there is more to do."""
        if self._parts:
            self._settle(self._parts.popleft())
            return True
        if not self._dirty and not (self._ended and self._offset < len(self._text)):
            self._dirty = False
            return False
        if self._plain or self._offset >= LONGEST:
            return self._step_plain()
        found = list(split(self._text[self._offset : self._offset + WINDOW], self._mode))
        whole = self._ended and self._offset + WINDOW >= len(self._text)
        if len(found) > 1 or (found and whole):
            self._parts.extend(found if whole else found[:-1])
            return True
        self._dirty = False
        if found:
            self._write_tail(found[0])
        return False

    def _step_plain(self) -> bool:
        self._drop_tail()
        if not self._plain:
            self._plain = True
            words = QCoreApplication.translate(
                "MessageWriter", "The message is longer than {count:,} characters; the rest is shown as plain text."
            )
            self._write_block(words.format(count=LONGEST), self._muted())
            self._new_block()
        elif not self._offset:
            self._new_block()
        piece = self._text[self._offset : self._offset + SLICE]
        self._offset += len(piece)
        self._frame.lastCursorPosition().insertText(broken(_clean(piece)), QTextCharFormat())
        self._dirty = self._offset < len(self._text)
        return self._dirty

    def _settle(self, part: Part) -> None:
        self._drop_tail()
        self._write(part)
        if part.kind == "think":
            self._words += len(part.text.split())
        self._offset += part.size
        self._mode = part.after

    def _write_tail(self, part: Part) -> None:
        self._drop_tail()
        if part.kind == "think" and not self.opens_thinking:
            self._say_thinking(self._words + len(part.text.split()), done=False)
            return
        self._tail = self._frame.lastCursorPosition()
        self._tail.setKeepPositionOnInsert(True)
        fresh = self._fresh
        self._write(part)
        self._tail_fresh = fresh

    def _drop_tail(self) -> None:
        if self._tail is None:
            return
        cursor = QTextCursor(self._tail)
        cursor.setPosition(self._tail.position())  # its anchor has moved with what was inserted
        cursor.setPosition(self._frame.lastPosition(), QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        if cursor.currentList() is not None:
            cursor.currentList().remove(cursor.block())
        self._tail = None
        self._fresh = self._tail_fresh
        if self._fresh:
            cursor.setBlockFormat(QTextBlockFormat())

    def _write(self, part: Part) -> None:
        if part.kind == "think":
            self._say_thinking(self._words + len(part.text.split()), done=not part.after.think)
            if self.opens_thinking and part.text.strip():
                self._write_block(broken(_clean(part.text.strip("\n"))), self._muted())
        elif not part.text.strip() and part.kind != "code":
            return
        elif part.kind == "code":
            self._write_code(part.text.removesuffix("\n"), part.language)
        elif part.kind == "plain":
            self._write_block(broken(_clean(part.text.rstrip("\n"))), QTextCharFormat())
        else:
            self._write_markdown(part.text)

    def _write_markdown(self, text: str) -> None:
        cursor = self._new_block()
        first = QTextCursor(cursor)
        first.setKeepPositionOnInsert(True)
        document = markdown_document(text, self._font, self._palette)
        cursor.insertFragment(QTextDocumentFragment(document))
        first.setPosition(first.position())
        if not first.block().text() and first.block().next().textList() is not None:
            first.deleteChar()  # Qt puts an empty line above a list
        elif first.currentTable() is None and first.currentList() is None:
            # A fragment gives its first block's format to nobody.
            first.setBlockFormat(document.firstBlock().blockFormat())

    def _write_block(self, text: str, style: QTextCharFormat) -> None:
        cursor = self._new_block()
        cursor.insertText(text, style)

    def _write_code(self, code: str, language: str) -> None:
        cursor = self._new_block()
        block = QTextBlockFormat()
        block.setBackground(self._palette.alternateBase())
        block.setLeftMargin(theme.GAP)
        block.setRightMargin(theme.GAP)
        block.setTopMargin(theme.GRID)
        cursor.setBlockFormat(block)
        block.setTopMargin(0)
        style = QTextCharFormat()
        style.setFontFamilies(theme.fixed_width_font().families())
        style.setFontFixedPitch(True)
        dark = theme.is_dark(self._palette)
        for text, colour in coloured(_clean(code), language, dark):
            kind = QTextCharFormat(style)
            if colour is not None:
                kind.setForeground(colour)
            lines = broken(text).split("\n")
            cursor.insertText(lines[0], kind)
            for line in lines[1:]:
                cursor.insertBlock(block, kind)
                cursor.insertText(line, kind)

    def _say_thinking(self, words: int, *, done: bool) -> None:
        if self._think is None:
            cursor = self._new_block()
            self._think = QTextCursor(cursor)
            self._think.setKeepPositionOnInsert(True)
        cursor = QTextCursor(self._think)
        cursor.setPosition(self._think.position())
        cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
        tr = QCoreApplication.translate
        said = (
            tr("MessageWriter", "Thought: {count:,} words")
            if done
            else tr("MessageWriter", "Thinking: {count:,} words")
        )
        style = self._muted()
        style.setAnchor(True)
        style.setAnchorHref(f"deck:think/{self._turn_id}")
        arrow = (
            "\N{BLACK DOWN-POINTING SMALL TRIANGLE}"
            if self.opens_thinking
            else "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}"
        )
        cursor.insertText(f"{arrow} {said.format(count=words)}", style)

    def _new_block(self) -> QTextCursor:
        cursor = self._frame.lastCursorPosition()
        block = QTextBlockFormat()
        if self._fresh:
            self._fresh = False
            cursor.setBlockFormat(block)
            cursor.setBlockCharFormat(QTextCharFormat())
            return cursor
        cursor.insertBlock(block, QTextCharFormat())
        return cursor

    def _muted(self) -> QTextCharFormat:
        style = QTextCharFormat()
        style.setForeground(theme.muted_colour(self._palette))
        style.setProperty(QTextFormat.Property.FontPointSize, max(self._font.pointSizeF() * 0.9, 6))
        return style


def _clean(text: str) -> str:
    """A NUL would end it, and these two would be blocks within the block."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\u2028", "\n").replace("\u2029", "\n")
