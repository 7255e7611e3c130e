"""The messages of a conversation, one below the other; laid out in slices, with a button beside each in sight."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from time import perf_counter

import msgspec
from PySide6.QtCore import QEvent, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QFont,
    QGuiApplication,
    QPalette,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFrame,
    QTextFrameFormat,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QTextBrowser, QWidget

from . import theme
from .message_buttons import WIDTH, MessageButtons, Spot
from .message_frames import make_thin, text_of
from .message_writer import MessageWriter
from .shown_turns import ShownTurn

BUDGET = 0.008
"""Seconds of work between two turns of the event loop."""
LAYOUT = 250
"""Milliseconds between two layouts of a paragraph that grows."""


class _Item:
    """A message in the document."""

    def __init__(self, turn: ShownTurn, frame: QTextFrame, writer: MessageWriter) -> None:
        self.turn = turn
        self.frame = frame
        self.writer = writer
        self.noted = False


class ChatText(QTextBrowser):
    """Text only: nothing in it is loaded or run, and a link is opened by whoever listens."""

    #: Another version of a message is wanted: its id, and -1 or 1.
    version_wanted = Signal(str, int)
    #: Fold or unfold the thinking of a message: its id.
    thinking_toggled = Signal(str)
    #: A link into the web was pressed: its address.
    link_pressed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """No messages."""
        super().__init__(parent)
        self._items: list[_Item] = []
        self._buttons = MessageButtons(self)
        self.menu_wanted = self._buttons.menu_wanted
        self._buttons.spots_wanted.connect(self._place_buttons)
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.document().setDocumentMargin(theme.GAP)
        self.document().setIndentWidth(6 * theme.GRID)
        self.setBackgroundRole(QPalette.ColorRole.Base)  # the margin with the buttons is part of the paper
        self.setAutoFillBackground(True)
        self.setViewportMargins(0, 0, WIDTH, 0)
        self._work = QTimer(self, interval=0)
        self._work.timeout.connect(self._on_work)
        self._soon = QTimer(self, singleShot=True, interval=LAYOUT)
        self._soon.timeout.connect(self._work.start)
        self._sticks = True
        self.verticalScrollBar().rangeChanged.connect(self._follow)
        self.verticalScrollBar().actionTriggered.connect(self._on_scrolled)  # by the user, not by a layout
        self.verticalScrollBar().valueChanged.connect(self._buttons.place_soon)
        self.document().documentLayout().documentSizeChanged.connect(self._buttons.place_soon)
        self.anchorClicked.connect(self._on_anchor_clicked)
        self._clear_from(0)

    def show_turns(self, turns: Sequence[ShownTurn]) -> None:
        """Show these messages; what is the same stays as it is."""
        same = 0
        while same < min(len(turns), len(self._items)) and self._keep(self._items[same], turns[same]):
            same += 1
        if same < len(self._items):
            self._clear_from(same)
        for turn in turns[same:]:
            self._add(turn)
        if not same or (same < len(turns) and turns[-1].running):
            self._stick(True)  # what was just opened or sent is to be seen
        self._work.start()
        self._buttons.place_soon()

    def grow(self, text: str) -> None:
        """The last message grew."""
        if not self._items:
            return
        item = self._items[-1]
        item.turn = msgspec.structs.replace(item.turn, text=item.turn.text + text)
        item.writer.feed(text)
        if not self._soon.isActive() and not self._work.isActive():
            self._soon.start()

    def is_settled(self) -> bool:
        """Whether all that came is laid out."""
        return not self._work.isActive() and not self._soon.isActive()

    def show_again(self) -> None:
        """Write everything anew: with another font or another theme."""
        turns = [item.turn for item in self._items]
        self._clear_from(0)
        self.show_turns(turns)

    def show_size(self, points: float) -> None:
        """Another size of the text."""
        font = QFont(self.font())
        font.setPointSizeF(points)
        self.setFont(font)
        self.document().setDefaultFont(font)
        self.show_again()

    def text(self) -> str:
        """All of it."""
        return "\n\n".join(text_of(item.frame) for item in self._items)

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: N802
        """Nothing: a text can't have anything read or fetched."""
        return None

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Another theme: colours are part of the text."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and getattr(self, "_items", None):
            self.show_again()

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        """The end stays in sight, and the buttons at the right."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._stick(self._sticks)
        self._buttons.place_soon()

    def _keep(self, item: _Item, turn: ShownTurn) -> bool:
        """Whether what stands there is this message, or becomes it by growing."""
        old = item.turn
        if old == turn:
            return True
        before = msgspec.structs.replace(turn, text=old.text, running=True, note=old.note, problem=old.problem)
        if old != before or not turn.text.startswith(old.text):
            return False
        item.writer.feed(turn.text[len(old.text) :])
        item.turn = turn
        if not turn.running:
            item.writer.end()
        return True

    def _add(self, turn: ShownTurn) -> None:
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        form = QTextFrameFormat()
        form.setPadding(theme.GAP)
        form.setMargin(0)
        if not turn.is_reply:
            form.setBackground(self._ground().alternateBase())
        frame = cursor.insertFrame(form)
        make_thin(self.document().lastBlock())
        self._write_head(frame, turn)
        writer = MessageWriter(frame, self.font(), self._ground(), turn.id, plain=not turn.is_reply)
        writer.opens_thinking = turn.opens_thinking
        writer.begin_below()
        writer.feed(turn.text)
        if not turn.running:
            writer.end()
        self._items.append(_Item(turn, frame, writer))

    def _write_head(self, frame: QTextFrame, turn: ShownTurn) -> None:
        style = self._muted()
        bold = QTextCharFormat(style)
        bold.setFontWeight(QFont.Weight.DemiBold)
        cursor = frame.firstCursorPosition()
        cursor.insertText(self.tr("Reply") if turn.is_reply else self.tr("You"), bold)
        if turn.versions < 2:
            return
        cursor.insertText("   ", style)
        for step, sign, there in ((-1, "\u2039", turn.version > 1), (1, "\u203a", turn.version < turn.versions)):
            link = QTextCharFormat(style)
            if there:
                link.setAnchor(True)
                link.setAnchorHref(f"deck:{'previous' if step < 0 else 'next'}/{turn.id}")
                link.setForeground(self._ground().link())
            cursor.insertText(f" {sign} ", link)
            if step < 0:
                cursor.insertText(f"{turn.version}/{turn.versions}", style)

    def _write_note(self, item: _Item) -> None:
        item.noted = True
        for text, is_error in ((item.turn.problem, True), (item.turn.note, False)):
            if text:
                style = self._muted()
                if is_error:
                    style.setForeground(theme.error_colour(self._ground()))
                cursor = item.frame.lastCursorPosition()
                block = QTextBlockFormat()
                block.setTopMargin(theme.GRID)
                cursor.insertBlock(block, style)
                cursor.insertText(text, style)

    def _muted(self) -> QTextCharFormat:
        style = QTextCharFormat()
        style.setForeground(theme.muted_colour(self._ground()))
        style.setFontPointSize(max(self.font().pointSizeF() * 0.9, 6))
        return style

    def _ground(self) -> QPalette:
        # Not its own palette: as the theme changes, what is around it is told first.
        return QGuiApplication.palette()

    def _clear_from(self, first: int) -> None:
        if first == 0:
            self.clear()
            make_thin(self.document().firstBlock())
        else:
            cursor = QTextCursor(self.document())
            cursor.setPosition(self._items[first].frame.firstPosition() - 1)
            cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
        del self._items[first:]

    def _on_work(self) -> None:
        began = perf_counter()
        more = False
        for item in reversed(self._items):  # what is in sight first
            while not item.noted and (more := item.writer.step()) and perf_counter() - began < BUDGET:
                pass
            if more:
                break
            if not item.noted and not item.turn.running:
                self._write_note(item)
            if more := perf_counter() - began > BUDGET:
                break
        if not more:
            self._work.stop()
        self._follow()

    def _stick(self, sticks: bool) -> None:
        self._sticks = sticks
        if sticks:
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    def _follow(self) -> None:
        self._stick(self._sticks)

    def _on_scrolled(self) -> None:
        bar = self.verticalScrollBar()
        self._sticks = bar.sliderPosition() >= bar.maximum() - 2 * theme.GRID

    def _place_buttons(self) -> None:
        self._buttons.place(self._in_sight())

    def _in_sight(self) -> list[Spot]:
        """The messages that can be seen, and where their buttons stand."""
        layout, shift = self.document().documentLayout(), self.verticalScrollBar().value()
        bottom = self.viewport().height() - 6 * theme.GRID

        def below(item: _Item) -> int:
            return round(layout.frameBoundingRect(item.frame).bottom()) - shift

        found = []
        for item in self._items[bisect_left(self._items, 8 * theme.GRID, key=below) :]:
            top = round(layout.frameBoundingRect(item.frame).top()) - shift
            if top > bottom:
                break
            found.append(Spot(item.turn.id, item.turn.is_reply, item.turn.text, max(top, 0)))
        return found

    def _on_anchor_clicked(self, url: QUrl) -> None:
        if url.scheme() != "deck":
            self.link_pressed.emit(url.toString())
            return
        what, _, turn_id = url.path().partition("/")
        if what == "think":
            self.thinking_toggled.emit(turn_id)
        else:
            self.version_wanted.emit(turn_id, -1 if what == "previous" else 1)
