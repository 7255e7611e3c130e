"""What can be done with a message, by mouse and keyboard; for a reply that is logged, with its recipe too."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QPoint, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from desktop.session.plans import State

from .reply_menu import ReplyMenu


class MessageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the menu needs to know of a message."""

    id: str
    reply_id: str = ""
    is_reply: bool = False
    is_last: bool = False
    version: int = 1
    versions: int = 1
    thinks: bool = False
    """Whether it has thinking that can be folded."""
    says_something: bool = True


class MessageMenu(ReplyMenu):
    """One for all messages."""

    #: Do this with the message: the verb, and its id.
    wanted = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Closed."""
        super().__init__(parent)
        self.setAccessibleName(self.tr("Message"))
        self._message = MessageFacts(id="")
        self._state = State.EMPTY
        texts = {
            "copy": self.tr("Copy &text"),
            "edit": self.tr("&Edit..."),
            "regenerate": self.tr("Re&generate"),
            "continue": self.tr("Continue &writing"),
            "previous": self.tr("&Previous version"),
            "next": self.tr("&Next version"),
            "think": self.tr("Show or &hide the thinking"),
            "branch": self.tr("&Branch into a new conversation"),
            "keep": self.tr("&Keep as example..."),
            "delete": self.tr("&Delete..."),
        }
        self._verbs: dict[str, QAction] = {}
        first = self.actions()[0]
        for name, text in texts.items():
            action = QAction(text, self)
            action.setObjectName(name)
            action.triggered.connect(self._on_verb)
            self.insertAction(first, action)
            self._verbs[name] = action
        self._recipe_line = self.insertSeparator(first)
        self._verbs["edit"].setToolTip(self.tr("The message as it is stays, as another version."))
        self._verbs["keep"].setToolTip(self.tr("The reply, as you correct it, becomes a row of a training set."))

    def open_for_message(self, message: MessageFacts, place: QPoint) -> None:
        """Open for a message at a place on the screen."""
        self._message = message
        shown = {
            "regenerate": True,
            "continue": message.is_reply and message.is_last,
            "previous": message.versions > 1,
            "next": message.versions > 1,
            "think": message.thinks,
            "keep": message.is_reply,
        }
        for name, is_shown in shown.items():
            self._verbs[name].setVisible(is_shown)
        self._verbs["regenerate"].setText(self.tr("Re&generate") if message.is_reply else self.tr("Answer a&gain"))
        for action in (self._recipe_line, *self.recipe_actions):
            action.setVisible(bool(message.reply_id))
        self._enable()
        self.open_for(message.reply_id, place)

    @Slot(object)
    def show_state(self, state: State) -> None:
        """Offer what can be done now."""
        super().show_state(state)
        self._state = state
        if hasattr(self, "_verbs"):
            self._enable()

    def _enable(self) -> None:
        ready, answering = self._state is State.READY, self._state is State.ANSWERING
        message = self._message
        enabled = {
            "regenerate": ready,
            "continue": ready and message.says_something,
            "edit": not answering,
            "delete": not answering,
            "branch": not answering,
            "previous": not answering and message.version > 1,
            "next": not answering and message.version < message.versions,
            "keep": message.says_something,
        }
        for name, is_enabled in enabled.items():
            self._verbs[name].setEnabled(is_enabled)

    def _on_verb(self) -> None:
        self.wanted.emit(self.sender().objectName(), self._message.id)
