"""Conversations on the disk: a JSON file each in the folder `conversations`, beside the log of replies."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import msgspec

from .atomic import set_aside, write_atomically
from .conversation import FORMAT, Conversation, mended
from .places import printable, unreadable_in_words, visible

SUFFIX = ".json"
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")


class ConversationError(Exception):
    """A conversation can't be kept or read; the message says why and what to do."""


class ConversationEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list."""

    id: str
    title: str
    changed: str = ""
    messages: int = 0
    """Of all branches."""
    found: str = ""
    """The words around what was searched for, where it stands in a message and not in the title."""


def save_conversation(folder: Path, conversation: Conversation) -> None:
    """Write a conversation in the place of what the file held. Raises ConversationError; the file is as before then."""
    try:
        write_atomically(_file(folder, conversation.id), msgspec.json.encode(conversation))
    except OSError as error:
        raise ConversationError(
            f"The conversation can't be saved ({error.strerror}: {printable(folder)}). Free some space or mend the "
            "folder; it is kept in the window meanwhile."
        ) from error


def read_conversation(folder: Path, conversation_id: str) -> Conversation:
    """The conversation of that id. Raises ConversationError; a damaged file is set aside, under a name it tells."""
    return _read(_file(folder, conversation_id))


def list_conversations(folder: Path, search: str = "") -> tuple[list[ConversationEntry], list[str]]:
    """The conversations whose title or text holds what is searched for, the youngest first, and what can't be read.

    Accents and capitals make no difference, and each word is looked for by itself. Raises ConversationError for the
    folder; a damaged file is set aside and named.
    """
    try:
        files = [Path(entry.path) for entry in visible(folder) if entry.name.endswith(SUFFIX)]
    except OSError as error:
        raise ConversationError(f"{printable(folder)}: {unreadable_in_words(folder, error)}") from error
    entries, told = [], []
    words = plain(search).split()
    for file in files:
        if not _ID.fullmatch(file.stem):
            continue  # a file that was set aside, or a stranger's
        try:
            entry = _entry(_read(file), words)
        except ConversationError as error:
            told.append(str(error))
            continue
        if entry is not None:
            entries.append(entry)
    return sorted(entries, key=lambda entry: (entry.changed, entry.id), reverse=True), told


def delete_conversation(folder: Path, trash: Path, conversation_id: str) -> Path:
    """Move a conversation to the trash folder; where it is now. Raises ConversationError."""
    file = _file(folder, conversation_id)
    number, target = 1, trash / file.name
    while target.exists():
        number += 1
        target = trash / f"{file.stem} ({number}){SUFFIX}"
    try:
        trash.mkdir(parents=True, exist_ok=True)
        return file.replace(target)
    except OSError as error:
        raise ConversationError(f"The conversation can't be moved to {printable(trash)} ({error.strerror}).") from error


def plain(text: str) -> str:
    """A text as it is searched: without accents and capitals."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in parts if not unicodedata.combining(letter)).casefold()


def decode_conversation(data: bytes, name: str) -> Conversation:
    """A conversation from the bytes of a file of that name. Raises ConversationError and, for damage, ValueError."""
    conversation = msgspec.json.decode(data, type=Conversation)
    if conversation.format > FORMAT:
        raise ConversationError(
            f"{name} was written by a newer version of the program (format {conversation.format}; this one reads "
            f"{FORMAT}). Update LoRA Deck."
        )
    return mended(conversation)


def _file(folder: Path, conversation_id: str) -> Path:
    if not _ID.fullmatch(conversation_id):
        raise ConversationError(f"{conversation_id!r} is no conversation's name.")
    return folder / f"{conversation_id}{SUFFIX}"


def _read(file: Path) -> Conversation:
    name = printable(file.name)
    try:
        conversation = decode_conversation(file.read_bytes(), name)
    except FileNotFoundError as error:
        raise ConversationError(f"The conversation {name} is not there any more.") from error
    except OSError as error:
        raise ConversationError(f"{name}: {unreadable_in_words(file, error)}") from error
    except ValueError as error:
        raise ConversationError(_put_aside(file, error)) from error
    # A copy that was made in a file manager is a conversation of its own.
    return msgspec.structs.replace(conversation, id=file.stem)


def _put_aside(file: Path, error: ValueError) -> str:
    try:
        aside = set_aside(file)
    except OSError as failure:
        return f"The conversation {printable(file)} is damaged and can't be moved aside ({failure.strerror})."
    return f"The conversation {printable(file.name)} is damaged ({error}). It was kept as {printable(aside)}."


def _entry(conversation: Conversation, words: list[str]) -> ConversationEntry | None:
    entry = ConversationEntry(
        id=conversation.id,
        title=conversation.shown_title,
        changed=conversation.changed,
        messages=len(conversation.turns),
    )
    missing = [word for word in words if word not in plain(entry.title)]
    if not missing:
        return entry
    texts = [turn.text for turn in conversation.turns]
    if any(word not in plain("\n".join((entry.title, conversation.system, *texts))) for word in missing):
        return None
    found = next((_around(text, missing[0]) for text in texts if missing[0] in plain(text)), "")
    return msgspec.structs.replace(entry, found=found)


def _around(text: str, word: str) -> str:
    """The line with a word, cut to what a list can show."""
    line = next((line for line in text.splitlines() if word in plain(line)), text[:120])
    at = max(plain(line).find(word) - 30, 0)  # accents may shift it by a few letters, which does no harm
    return f"{'...' if at else ''}{line[at : at + 90].strip()}"
