"""One sentence in a line of its own, with one thing that can be done about it; stops nothing."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from . import theme


class NoticeBar(QFrame):
    """Hidden while there is nothing to say."""

    #: Do what the button says.
    acted = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        """`name` is what a screen reader calls it."""
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAccessibleName(name)
        self._note = theme.Note(parent=self)
        self._act = QPushButton()
        self._close = QPushButton(self.tr("Dismiss"))
        self._close.setAccessibleName(self.tr("Dismiss: {name}").format(name=name))
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GAP, theme.GRID, theme.GAP, theme.GRID)
        row.addWidget(self._note, 1)
        row.addWidget(self._act)
        row.addWidget(self._close)
        self._act.clicked.connect(self._on_act)
        self._close.clicked.connect(self.hide)
        self.hide()

    def show_notice(self, sentence: str, action: str = "", *, error: bool = False) -> None:
        """Say this, in red where it is an error; `action` is what the button says, without one there is none."""
        self._note.say(sentence, error=error)
        self._act.setText(action)
        self._act.setVisible(bool(action))
        self.show()

    def sentence(self) -> str:
        """What is said; empty while it is hidden."""
        return self._note.text() if self.isVisible() else ""

    def _on_act(self) -> None:
        self.hide()
        self.acted.emit()
