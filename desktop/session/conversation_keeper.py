"""Keeps conversations and examples on the disk: on a thread of its own, so that the window never waits for it.

What reads and writes datasets is imported there too, when it is first needed: the window's start doesn't wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from desktop.api import Message
from desktop.library.conversation import Conversation, change
from desktop.library.conversation_formats import Format, export_conversation, import_conversations
from desktop.library.conversations import (
    ConversationError,
    delete_conversation,
    list_conversations,
    read_conversation,
    save_conversation,
)
from desktop.library.home import Home

from .lane import Lane


class ConversationKeeper(QObject):
    """The verbs return at once; the signals come from the keeper's thread."""

    #: The conversations that were asked for: what was searched, and a list of ConversationEntry.
    listed = Signal(str, list)
    #: A conversation was read: Conversation.
    opened = Signal(object)
    #: It is not there any more: its id.
    deleted = Signal(str)
    #: The names of the sets of examples.
    sets_listed = Signal(list)
    #: Something was done: a sentence.
    told = Signal(str)
    #: Something can't be done: a sentence.
    refused = Signal(str)

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        """Nothing is read yet."""
        super().__init__(parent)
        self._home = home
        self._lane = Lane("conversations", self)
        self.lanes = (self._lane,)

    def warm_up(self) -> None:
        """Read what colours code, so that the window need not wait for it when there is some."""
        self._submit(_read_lexers)

    @Slot(str)
    def list_all(self, search: str = "") -> None:
        """List the conversations that hold these words; all of them for none."""
        self._submit(lambda: self._list(search))

    @Slot(str)
    def open(self, conversation_id: str) -> None:
        """Read a conversation."""
        self._submit(lambda: self.opened.emit(read_conversation(self._home.conversations, conversation_id)))

    def keep(self, conversation: Conversation) -> None:
        """Write a conversation in the place of what was written of it before."""
        self._submit(lambda: save_conversation(self._home.conversations, conversation))

    @Slot(str, str)
    def rename(self, conversation_id: str, title: str) -> None:
        """Give another title to a conversation that is not in the window."""
        self._submit(lambda: self._rename(conversation_id, title))

    @Slot(str)
    def delete(self, conversation_id: str) -> None:
        """Move a conversation to the trash folder."""
        self._submit(lambda: self._delete(conversation_id))

    def give_out(self, conversation: Conversation, path: str, format: Format) -> None:
        """Export a conversation to a file, in the place of what is there: the user was asked."""
        self._submit(lambda: self._export(conversation, Path(path), format))

    @Slot(str)
    def take_in(self, path: str) -> None:
        """Import the conversations of a file; the first of them is opened."""
        self._submit(lambda: self._import(Path(path)))

    @Slot()
    def list_sets(self) -> None:
        """List the sets of examples."""
        self._submit(self._list_sets)

    def keep_example(self, name: str, messages: Sequence[Message]) -> None:
        """Add a row to a set of examples."""
        row = tuple(messages)
        self._submit(lambda: self._keep_example(name, row))

    def shut_down(self) -> None:
        """Write what is submitted, then end the thread; waits for it."""
        for lane in self.lanes:
            lane.shut_down()

    def _submit(self, work: Callable[[], object]) -> None:
        self._lane.submit(lambda: self._try(work))

    def _try(self, work: Callable[[], object]) -> None:
        from desktop.datasets.plan import DataError

        try:
            work()
        except (ConversationError, DataError) as error:
            self.refused.emit(str(error))

    def _list(self, search: str) -> None:
        entries, problems = list_conversations(self._home.conversations, search)
        self.listed.emit(search, entries)
        if problems:
            self.refused.emit("\n".join(problems))

    def _list_sets(self) -> None:
        from desktop.datasets.keeping import list_sets

        self.sets_listed.emit(list_sets(self._home.datasets))

    def _rename(self, conversation_id: str, title: str) -> None:
        conversation = read_conversation(self._home.conversations, conversation_id)
        save_conversation(self._home.conversations, change(conversation, title=title))
        self._list("")

    def _delete(self, conversation_id: str) -> None:
        path = delete_conversation(self._home.conversations, self._home.trash, conversation_id)
        self.deleted.emit(conversation_id)
        self.told.emit(self.tr("The conversation was moved to {path}.").format(path=path))

    def _export(self, conversation: Conversation, path: Path, format: Format) -> None:
        export_conversation(conversation, path, format)
        self.told.emit(self.tr("The conversation was exported to {path}.").format(path=path))

    def _import(self, path: Path) -> None:
        found = import_conversations(path)
        for conversation in found:
            save_conversation(self._home.conversations, conversation)
        self.opened.emit(found[0])
        self.told.emit(self.tr("Imported conversations: {count}.").format(count=len(found)))
        self._list("")

    def _keep_example(self, name: str, messages: tuple[Message, ...]) -> None:
        from desktop.datasets.keeping import keep_example

        kept = keep_example(self._home.datasets, name, messages)
        if kept.duplicate:
            words = self.tr("{name} has this example already; nothing was added.")
        else:
            words = self.tr("Kept as an example in {name}, which has {count:,} rows now.")
        self.told.emit(words.format(name=Path(kept.path).stem, count=kept.rows))


def _read_lexers() -> None:
    from pygments.lexers import get_lexer_by_name

    for language in ("python", "bash", "json"):
        get_lexer_by_name(language)
