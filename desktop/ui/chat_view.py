"""The conversation in sight, with the base's own answer beside it while the two are compared."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from .answer_column import AnswerColumn
from .chat_text import ChatText
from .message_menu import MessageMenu
from .shown_turns import ShownTurn
from .thin_splitter import ThinSplitter


class ChatView(QWidget):
    """The messages at the left; the other column is hidden most of the time."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self.messages = ChatText()
        self.messages.setAccessibleName(self.tr("Conversation"))
        self._base = AnswerColumn(self.tr("Base alone"))
        self._base.show_title(True)
        self._base.hide()
        self._base_of = ("", "")
        self._split = ThinSplitter(Qt.Orientation.Horizontal)
        self._split.addWidget(self.messages)
        self._split.addWidget(self._base)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._split)
        self.menu = MessageMenu(self)

    def show_turns(self, turns: Sequence[ShownTurn], base: str | None, prompt: str) -> None:
        """Show these messages, and the base's answer to a prompt where it was asked for."""
        self.messages.show_turns(turns)
        if base is not None and (self._base.isHidden() or self._base_of != (prompt, base)):
            self._base.clear()
            self._base.write_prompt(prompt)
            self._base.write_answer(base)
            self._base_of = (prompt, base)
        if base is not None and self._base.isHidden():
            half = max(self.width() // 2, 1)
            self._split.setSizes([half, half])
        # Else the base seems to have the adapter's manner by itself.
        earlier = any(turn.is_reply for turn in turns[:-1])
        note = self.tr("The base reads the earlier replies too, whoever wrote them, and may go on in their manner.")
        self._base.say(note if earlier else "")
        self._base.setVisible(base is not None)

    def grow_base(self, text: str) -> None:
        """The base's answer grew."""
        self._base.write_answer(text)
        self._base_of = (self._base_of[0], self._base_of[1] + text)

    def base_text(self) -> str:
        """What the other column says."""
        return self._base.text()
