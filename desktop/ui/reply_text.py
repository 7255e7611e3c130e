"""The text of the answers, with a button at the right of each reply for what can be done with it."""

from __future__ import annotations

from bisect import bisect_left

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import QPlainTextEdit, QToolButton, QWidget

from . import theme

WIDTH = 7 * theme.GRID
NAMED = 40
"""Characters of a prompt by which its reply's button is called."""


class ReplyText(QPlainTextEdit):
    """Only the replies in sight have a button, so that two hundred cost what one does."""

    #: What can be done with a reply is wanted: its id, and where on the screen.
    menu_wanted = Signal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        """No replies."""
        super().__init__(parent)
        self._replies: dict[int, tuple[str, str]] = {}
        """By the number of the line its note begins at: a reply's id, and what its button is called."""
        self._buttons: list[QToolButton] = []
        # The margin with the buttons is part of the paper.
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)
        # Not at every piece that is written: once when the window comes to it.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._place_buttons)
        self.updateRequest.connect(self._on_update)

    def mark(self, reply_id: str, prompt: str) -> None:
        """The last line is the note of this reply."""
        if not self._replies:
            self.setViewportMargins(0, 0, WIDTH, 0)
        short = " ".join(prompt[: 2 * NAMED].split())[:NAMED]
        self._replies[self.document().blockCount() - 1] = (reply_id, self.tr("Reply to {prompt}").format(prompt=short))
        self._soon.start()

    def clear_replies(self) -> None:
        """The text is emptied."""
        self._replies.clear()
        self.setViewportMargins(0, 0, 0, 0)
        self._place_buttons()

    def _place_buttons(self) -> None:
        seen = self._in_sight() if self._replies else []
        while len(self._buttons) < len(seen):
            self._buttons.append(self._make_button())
        left = self.viewport().geometry().right() + 1
        for number, button in enumerate(self._buttons):
            if number < len(seen):
                line, top = seen[number]
                reply_id, name = self._replies[line]
                button.setObjectName(reply_id)
                button.setAccessibleName(name)
                button.move(left, top)
            button.setVisible(number < len(seen))

    def _in_sight(self) -> list[tuple[int, int]]:
        """The notes that can be seen: the number of the line, and where it begins."""
        found = []
        bottom = self.viewport().height() - 2 * theme.GRID
        lines = list(self._replies)  # in order: a reply is marked when it is the last
        for line in lines[bisect_left(lines, self.firstVisibleBlock().blockNumber()) :]:
            block = self.document().findBlockByNumber(line)
            top = round(self.blockBoundingGeometry(block).translated(self.contentOffset()).top())
            if top > bottom:
                break
            if top >= -theme.GRID:
                found.append((line, top))
        return found

    def _make_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setText("\N{MIDLINE HORIZONTAL ELLIPSIS}")
        button.setAutoRaise(True)
        button.setFixedSize(WIDTH - theme.GRID, 6 * theme.GRID)
        button.setToolTip(self.tr("Save or copy the recipe of this reply, or make the reply again"))
        button.clicked.connect(self._on_clicked)
        self.setTabOrder(self._buttons[-1] if self._buttons else self, button)
        return button

    def _on_update(self) -> None:
        if self._replies and not self._soon.isActive():
            self._soon.start()

    def _on_clicked(self) -> None:
        button = self.sender()
        if isinstance(button, QToolButton):
            self.menu_wanted.emit(button.objectName(), button.mapToGlobal(button.rect().bottomLeft()))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Other places for the buttons."""
        super().resizeEvent(event)
        self._place_buttons()
