"""Wires the menus and the prompt place to the two desks of the chat, and keeps the size of its texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication, QMainWindow

from desktop.library.conversation import path_of
from desktop.session.chat_plans import conversation_of
from desktop.session.saved import Saved

from .chat_desk import ChatDesk
from .conversation_desk import ConversationDesk
from .menus import Menus
from .prompt_place import PromptPlace

if TYPE_CHECKING:
    from .shortcuts_dialog import ShortcutsDialog

STEP = 1.1
"""How much larger a step makes the texts."""
MOST = 12
"""Steps in each direction."""


class ChatWiring(QObject):
    """So that the main window need not know what a conversation is."""

    def __init__(
        self,
        window: QMainWindow,
        menus: Menus,
        chat: ChatDesk,
        conversations: ConversationDesk,
        place: PromptPlace,
    ) -> None:
        """The usual size."""
        super().__init__(window)
        self.zoom = 0
        self._window = window
        self._menus = menus
        self._chat = chat
        self._conversations = conversations
        self._place = place
        self._conversation = ""
        self._shortcuts: ShortcutsDialog | None = None
        self._connect_menus()
        self._connect_place()

    def restore(self, saved: Saved) -> None:
        """As it was left; the conversation comes with `begin`."""
        self._conversation = saved.conversation
        if saved.answers and not saved.conversation:
            self._chat.show_conversation(conversation_of(saved.answers), with_plan=False)
        self._place.notebook.show_text(saved.notebook)
        self._place.show_notebook(saved.shows_notebook)
        if saved.zoom:
            self._zoom_to(saved.zoom)

    def begin(self) -> None:
        """Once the window shows: read the conversation."""
        self._conversations.open_at_start(self._conversation)

    def _connect_menus(self) -> None:
        menus = self._menus
        menus.send.triggered.connect(self._on_send)
        menus.compare.triggered.connect(self._on_compare)
        menus.regenerate.triggered.connect(self._chat.regenerate_last)
        menus.go_on.triggered.connect(self._on_go_on)
        menus.previous.triggered.connect(self._on_previous)
        menus.next.triggered.connect(self._on_next)
        menus.start_with.toggled.connect(self._place.box.show_start)
        menus.clear.triggered.connect(self._conversations.begin_new)
        menus.search.triggered.connect(self._conversations.search)
        menus.notebook.triggered.connect(self._on_notebook)
        menus.larger.triggered.connect(self._on_larger)
        menus.smaller.triggered.connect(self._on_smaller)
        menus.usual.triggered.connect(self._on_usual)
        menus.shortcuts.triggered.connect(self._on_shortcuts)

    def _connect_place(self) -> None:
        box = self._place.box
        box.send_requested.connect(self._chat.send)
        box.regenerate_requested.connect(self._chat.regenerate_last)
        self._place.notebook.complete_requested.connect(self._chat.complete_notebook)

    def _zoom_to(self, steps: int) -> None:
        self.zoom = max(-MOST, min(steps, MOST))
        self._place.show_size(QFont(QApplication.font()).pointSizeF() * STEP**self.zoom)
        self._chat.changed.emit()

    @Slot()
    def _on_send(self) -> None:
        if not self._place.isVisible():
            return  # another place is shown, and the keys are its own
        if self._place.shows_notebook:
            self._place.notebook.request_complete()
        else:
            self._place.box.request_send()

    @Slot()
    def _on_compare(self) -> None:
        if not self._place.shows_notebook:
            self._place.box.request_send(True)

    @Slot()
    def _on_go_on(self) -> None:
        path = path_of(self._chat.conversation)
        if path and path[-1].role == "assistant" and path[-1].text:
            self._chat.go_on(path[-1].id)

    @Slot()
    def _on_previous(self) -> None:
        self._step(-1)

    @Slot()
    def _on_next(self) -> None:
        self._step(1)

    def _step(self, step: int) -> None:
        path = path_of(self._chat.conversation)
        if path:
            self._chat.step_version(path[-1].id, step)

    @Slot()
    def _on_notebook(self) -> None:
        self._place.show_notebook(not self._place.shows_notebook)
        self._chat.changed.emit()
        (self._place.notebook if self._place.shows_notebook else self._place.box).focus()

    @Slot()
    def _on_larger(self) -> None:
        self._zoom_to(self.zoom + 1)

    @Slot()
    def _on_smaller(self) -> None:
        self._zoom_to(self.zoom - 1)

    @Slot()
    def _on_usual(self) -> None:
        self._zoom_to(0)

    @Slot()
    def _on_shortcuts(self) -> None:
        if self._shortcuts is None:
            from .shortcuts_dialog import ShortcutsDialog

            self._shortcuts = ShortcutsDialog(self._window)
        self._shortcuts.show_actions(self._window)
        self._shortcuts.show()
        self._shortcuts.activateWindow()
