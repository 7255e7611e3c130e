"""Conversations in the window: which one is open, what is done with it as a whole, and with its messages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, QPoint, Signal, Slot
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMenu, QMessageBox

from desktop.library.conversation import (
    Conversation,
    branch,
    change,
    edit,
    find_turn,
    messages_of,
    new_conversation,
    remove,
    versions_of,
)
from desktop.library.conversation_formats import Format
from desktop.session.conversation_keeper import ConversationKeeper

from .chat_desk import ChatDesk
from .message_menu import MessageFacts
from .prompt_place import PromptPlace

if TYPE_CHECKING:
    from .message_dialogs import EditDialog, KeepDialog

FORMATS: dict[str, Format] = {".json": "json", ".md": "markdown", ".jsonl": "sharegpt"}


class ConversationDesk(QObject):
    """Stands between the panels and the keeper of conversations."""

    #: It can't be done: a sentence.
    refused = Signal(str)
    #: It was done: a sentence.
    told = Signal(str)

    def __init__(self, window: QMainWindow, keeper: ConversationKeeper, chat: ChatDesk, place: PromptPlace) -> None:
        """Nothing is asked of the keeper before somebody wants it."""
        super().__init__(window)
        self._window = window
        self._keeper = keeper
        self._chat = chat
        self._place = place
        self._saved: Conversation | None = None
        self._delete: QMessageBox
        self._edit: EditDialog | None = None
        self._keep: KeepDialog | None = None
        self.menu = QMenu(window)
        self._own_stack = self._action(self.tr("Keep the &stack with the conversation"), self._on_own_stack)
        self._own_stack.setCheckable(True)
        self._own_stack.setToolTip(self.tr("Opening the conversation puts its adapters on again."))
        self.menu.setToolTipsVisible(True)
        self.menu.addSeparator()
        self._action(self.tr("&Export..."), self._on_export)
        self._action(self.tr("&Import..."), self._on_import)
        place.bar.use_menu(self.menu)
        self._connect_place()
        self._connect_keeper()

    def open_at_start(self, conversation_id: str) -> None:
        """The conversation of the last session."""
        self._keeper.warm_up()
        if conversation_id:
            self._keeper.open(conversation_id)

    def save(self) -> str:
        """Have the conversation written if it is not on the disk as it is; its id."""
        now = self._chat.conversation
        if now.turns and (self._saved is None or now != self._saved):
            self._keeper.keep(now)
            self._saved = now
        return now.id if now.turns else ""

    @Slot()
    def begin_new(self) -> None:
        """Put the present conversation away, and begin another."""
        if self._is_free():
            self.save()
            self._chat.show_conversation(new_conversation(), with_plan=False)
            self._chat.changed.emit()
            self._place.box.focus()

    @Slot()
    def search(self) -> None:
        """Show the list, with the keyboard in its search."""
        if self._place.shows_notebook:
            self._place.show_notebook(False)
        self._place.bar.title.setChecked(True)
        self._place.panel.open_search()

    def _connect_place(self) -> None:
        bar, panel, chat = self._place.bar, self._place.panel, self._place.chat
        bar.list_toggled.connect(self._on_list_toggled)
        bar.new_requested.connect(self.begin_new)
        bar.notebook_wanted.connect(self._place.show_notebook)
        bar.notebook_wanted.connect(self._chat.changed)
        panel.search_wanted.connect(self._keeper.list_all)
        panel.open_requested.connect(self._on_open_requested)
        panel.rename_requested.connect(self._on_rename_requested)
        panel.delete_requested.connect(self._on_delete_requested)
        chat.messages.menu_wanted.connect(self._on_menu_wanted)
        chat.messages.version_wanted.connect(self._chat.step_version)
        chat.messages.link_pressed.connect(self._on_link_pressed)
        chat.menu.wanted.connect(self._on_verb)
        self._chat.shown.connect(self._on_shown)

    def _connect_keeper(self) -> None:
        keeper = self._keeper
        keeper.listed.connect(self._place.panel.show_entries)
        keeper.opened.connect(self._on_opened)
        keeper.deleted.connect(self._on_deleted)
        keeper.told.connect(self.told)
        keeper.refused.connect(self.refused)

    def _action(self, text: str, slot: object) -> QAction:
        action = self.menu.addAction(text)
        action.triggered.connect(slot)
        return action

    def _is_free(self) -> bool:
        if self._chat.is_busy:
            self.refused.emit(self.tr("A reply is being made. Stop it, or wait for its end."))
        return not self._chat.is_busy

    @Slot()
    def _on_shown(self) -> None:
        now = self._chat.conversation
        self._place.bar.show_title(now.shown_title)
        self._own_stack.setChecked(now.stack is not None)

    @Slot(bool)
    def _on_list_toggled(self, shown: bool) -> None:
        self._place.panel.setVisible(shown)
        if shown:
            self.save()
            self._keeper.list_all(self._place.panel.words())
            self._place.panel.open_search()

    @Slot(str)
    def _on_open_requested(self, conversation_id: str) -> None:
        if self._is_free():
            self.save()
            self._keeper.open(conversation_id)
            self._place.bar.title.setChecked(False)

    @Slot(object)
    def _on_opened(self, conversation: Conversation) -> None:
        if self._chat.is_busy:
            return
        self._saved = conversation
        self._chat.show_conversation(conversation)
        self._chat.changed.emit()
        self._place.box.focus()

    @Slot(str, str)
    def _on_rename_requested(self, conversation_id: str, title: str) -> None:
        if conversation_id == self._chat.conversation.id:
            self._chat.become(change(self._chat.conversation, title=title))
            self.save()
            self._keeper.list_all(self._place.panel.words())
        else:
            self._keeper.rename(conversation_id, title)

    @Slot(str)
    def _on_delete_requested(self, conversation_id: str) -> None:
        if conversation_id != self._chat.conversation.id or self._is_free():
            self._keeper.delete(conversation_id)

    @Slot(str)
    def _on_deleted(self, conversation_id: str) -> None:
        if conversation_id == self._chat.conversation.id:
            self._saved = None
            self._chat.show_conversation(new_conversation(), with_plan=False)
            self._chat.changed.emit()
        self._keeper.list_all(self._place.panel.words())

    @Slot(bool)
    def _on_own_stack(self, own: bool) -> None:
        self._chat.use_own_stack(own)

    @Slot()
    def _on_export(self) -> None:
        filters = ";;".join(
            (self.tr("LoRA Deck, all of it (*.json)"), self.tr("Markdown (*.md)"), self.tr("ShareGPT (*.jsonl)"))
        )
        path, _ = QFileDialog.getSaveFileName(self._window, self.tr("Export conversation"), "", filters)
        if path:
            self._keeper.give_out(self._chat.conversation, path, FORMATS.get(Path(path).suffix.lower(), "json"))

    @Slot()
    def _on_import(self) -> None:
        filters = self.tr("Conversations (*.json *.jsonl *.md);;All files (*)")
        path, _ = QFileDialog.getOpenFileName(self._window, self.tr("Import conversations"), "", filters)
        if path and self._is_free():
            self.save()
            self._keeper.take_in(path)

    @Slot(str, QPoint)
    def _on_menu_wanted(self, turn_id: str, place: QPoint) -> None:
        now = self._chat.conversation
        turn = find_turn(now, turn_id)
        versions = [one.id for one in versions_of(now, turn_id)]
        facts = MessageFacts(
            id=turn_id,
            reply_id=turn.facts.reply_id if turn.facts else "",
            is_reply=turn.role == "assistant",
            is_last=now.leaf == turn_id,
            version=versions.index(turn_id) + 1,
            versions=len(versions),
            thinks="</think>" in turn.text or "<think>" in turn.text,
            says_something=bool(turn.text.strip()),
        )
        self._place.chat.menu.open_for_message(facts, place)

    @Slot(str, str)
    def _on_verb(self, verb: str, turn_id: str) -> None:
        chat, now = self._chat, self._chat.conversation
        turn = find_turn(now, turn_id)
        if verb == "copy":
            QGuiApplication.clipboard().setText(turn.text)
            self.told.emit(self.tr("The message was copied."))
        elif verb == "edit":
            self._edit_dialog().edit(turn_id, turn.text, may_answer=turn.role == "user")
        elif verb == "regenerate":
            chat.regenerate(turn_id)
        elif verb == "continue":
            chat.go_on(turn_id)
        elif verb in ("previous", "next"):
            chat.step_version(turn_id, -1 if verb == "previous" else 1)
        elif verb == "think":
            chat.toggle_thinking(turn_id)
        elif verb == "branch":
            self.save()
            chat.show_conversation(branch(now, turn_id))
            chat.changed.emit()
        elif verb == "keep":
            self._keep_dialog().open_for(turn_id, turn.text)
            self._keeper.list_sets()
        else:
            self._ask_to_delete(turn_id)

    @Slot(str, str, bool)
    def _on_edited(self, turn_id: str, text: str, answer: bool) -> None:
        if self._is_free():
            if text != find_turn(self._chat.conversation, turn_id).text:
                self._chat.become(edit(self._chat.conversation, turn_id, text))
                turn_id = self._chat.conversation.leaf
            if answer:
                self._chat.regenerate(turn_id)

    @Slot(str, str, str)
    def _on_kept(self, turn_id: str, text: str, name: str) -> None:
        *before, last = messages_of(self._chat.conversation, turn_id)
        self._keeper.keep_example(name, (*before, msgspec.structs.replace(last, content=text)))

    def _ask_to_delete(self, turn_id: str) -> None:
        now = self._chat.conversation
        count = len(now.turns) - len(remove(now, turn_id).turns)
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(
            self.tr("Delete this message and all that follows it? Messages in all: {count}.").format(count=count)
        )
        box.setObjectName(turn_id)
        box.setStandardButtons(QMessageBox.StandardButton.Cancel)
        box.addButton(self.tr("Delete"), QMessageBox.ButtonRole.DestructiveRole).clicked.connect(self._on_delete_agreed)
        box.finished.connect(box.deleteLater)
        box.open()
        self._delete = box

    @Slot()
    def _on_delete_agreed(self) -> None:
        if self._is_free():
            self._chat.become(remove(self._chat.conversation, self._delete.objectName()))

    @Slot(str)
    def _on_link_pressed(self, address: str) -> None:
        from .link_question import LinkQuestion

        LinkQuestion(address, self._window).open()

    def _edit_dialog(self) -> EditDialog:
        if self._edit is None:
            from .message_dialogs import EditDialog

            self._edit = EditDialog(self._window)
            self._edit.edited.connect(self._on_edited)
        return self._edit

    def _keep_dialog(self) -> KeepDialog:
        if self._keep is None:
            from .message_dialogs import KeepDialog

            self._keep = KeepDialog(self._window)
            self._keep.kept.connect(self._on_kept)
            self._keeper.sets_listed.connect(self._keep.show_sets)
        return self._keep
