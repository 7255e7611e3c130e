"""A button beside each message in sight, so that two hundred cost what three do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QObject, QPoint, QTimer, Signal
from PySide6.QtWidgets import QTextBrowser, QToolButton

from . import theme

WIDTH = 7 * theme.GRID
NAMED = 40
"""Characters of a message by which its button is called."""


class Spot(NamedTuple):
    """A message in sight."""

    id: str
    is_reply: bool
    text: str
    top: int


class MessageButtons(QObject):
    """Stands them into the margin at the right of a text."""

    #: The buttons are to be placed: hand the messages in sight to `place`.
    spots_wanted = Signal()
    #: What can be done with a message is wanted: its id, and where on the screen.
    menu_wanted = Signal(str, QPoint)

    def __init__(self, text: QTextBrowser) -> None:
        """None yet."""
        super().__init__(text)
        self._text = text
        self._buttons: list[QToolButton] = []
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self.spots_wanted)

    def place_soon(self) -> None:
        """Not at every change: once when the window comes to it."""
        if not self._timer.isActive():
            self._timer.start()

    def place(self, spots: Sequence[Spot]) -> None:
        """A button for each of these."""
        while len(self._buttons) < len(spots):
            self._buttons.append(self._make())
        left = self._text.viewport().geometry().right() + 1
        for number, button in enumerate(self._buttons):
            if number < len(spots):
                spot = spots[number]
                button.setObjectName(spot.id)
                short = " ".join(spot.text[: 2 * NAMED].split())[:NAMED]
                name = self.tr("Reply: {words}") if spot.is_reply else self.tr("Your message: {words}")
                button.setAccessibleName(name.format(words=short))
                button.move(left, spot.top)
            button.setVisible(number < len(spots))

    def _make(self) -> QToolButton:
        button = QToolButton(self._text)
        button.setText("\N{MIDLINE HORIZONTAL ELLIPSIS}")
        button.setAutoRaise(True)
        button.setFixedSize(WIDTH - theme.GRID, 6 * theme.GRID)
        button.setToolTip(self.tr("What can be done with this message"))
        button.clicked.connect(self._on_clicked)
        self._text.setTabOrder(self._buttons[-1] if self._buttons else self._text, button)
        return button

    def _on_clicked(self) -> None:
        button = self.sender()
        if isinstance(button, QToolButton):
            self.menu_wanted.emit(button.objectName(), button.mapToGlobal(button.rect().bottomLeft()))
