"""Conversations out of the program and into it: its own JSON, Markdown, ShareGPT, and OpenAI's list of messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from .atomic import write_atomically
from .conversation import Conversation, append, change, messages_of, new_conversation
from .conversations import ConversationError, decode_conversation
from .places import printable, unreadable_in_words

Format = Literal["json", "markdown", "sharegpt"]
LONGEST_FILE = 256 << 20
"""Bytes; what is larger is no conversation."""
_HEADS = {"system": "### System", "user": "### User", "assistant": "### Assistant"}
_HEAD = re.compile(r"### (System|User|Assistant)")
_ESCAPED = re.compile(r"^\\*### (System|User|Assistant)$", re.MULTILINE)
_FROM = {"system": "system", "user": "human", "assistant": "gpt"}
_ROLES = {"system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}


def export_conversation(conversation: Conversation, path: Path, format: Format) -> None:
    """Write a conversation to any file, in the place of what is there. Raises ConversationError.

    The program's own JSON has all of it; the others have the system prompt and the branch in sight.
    """
    try:
        write_atomically(path, exported(conversation, format))
    except OSError as error:
        raise ConversationError(
            f"{printable(path)} can't be written ({error.strerror}). Free some space or choose another place."
        ) from error


def exported(conversation: Conversation, format: Format) -> bytes:
    """The bytes of the file, UTF-8."""
    if format == "json":
        return msgspec.json.format(msgspec.json.encode(conversation), indent=2) + b"\n"
    if format == "markdown":
        return _as_markdown(conversation).encode()
    turns = [{"from": _FROM[one.role], "value": one.content} for one in messages_of(conversation)]
    shared = [{"id": conversation.id, "title": conversation.title, "conversations": turns}]
    return msgspec.json.format(msgspec.json.encode(shared), indent=2) + b"\n"


def import_conversations(path: Path) -> list[Conversation]:
    """The conversations of a file, each with a new id. Raises ConversationError; the file is left alone."""
    name = printable(path.name)
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise ConversationError(f"{name} is too large for a conversation. Choose a conversation's file.")
        data = path.read_bytes()
    except OSError as error:
        raise ConversationError(f"{name}: {unreadable_in_words(path, error)}") from error
    found = imported(data, name)
    if not found:
        raise ConversationError(
            f"{name} holds no conversation: neither LoRA Deck's own JSON nor ShareGPT, a list of messages or Markdown "
            "with the headings ### User and ### Assistant."
        )
    return found


def imported(data: bytes, name: str) -> list[Conversation]:
    """The conversations in the bytes of a file; none where it holds something else. Raises ConversationError."""
    try:
        own = decode_conversation(data, name)
    except ValueError:
        pass  # another format
    else:
        return [msgspec.structs.replace(own, id=new_conversation().id)]
    try:
        value = msgspec.json.decode(data)
    except ValueError:
        lines = _json_lines(data)
        return _from_markdown(data.decode("utf-8", "replace")) if lines is None else _from_values(lines)
    return _from_values(value if isinstance(value, list) else [value])


def _as_markdown(conversation: Conversation) -> str:
    parts = [f"# {' '.join(conversation.title.split())}\n\n" if conversation.title else ""]
    for one in messages_of(conversation):
        parts.append(f"{_HEADS[one.role]}\n\n{_ESCAPED.sub(lambda found: chr(92) + found[0], one.content)}\n\n")
    return "".join(parts)


def _from_markdown(text: str) -> list[Conversation]:
    # Not splitlines: a file of ours ends its lines with \n, and a message may hold the other ends.
    messages: list[tuple[str, list[str]]] = []
    title = ""
    for line in text.removesuffix("\n").split("\n"):
        if head := _HEAD.fullmatch(line):
            messages.append((head[1].lower(), []))
        elif messages:
            messages[-1][1].append(line[1:] if line[:1] == "\\" and _ESCAPED.fullmatch(line) else line)
        elif line.startswith("# "):
            title = line[2:].strip()
    turns = [(role, _between("\n".join(lines))) for role, lines in messages]
    return [change(_made(turns), title=title)] if turns else []


def _between(text: str) -> str:
    """A message without the blank line at each side of it."""
    return text.removeprefix("\n").removesuffix("\n")


def _json_lines(data: bytes) -> list[Any] | None:
    try:
        values = [msgspec.json.decode(line) for line in data.splitlines() if line.strip()]
    except ValueError:
        return None
    return values or None


def _from_values(values: list[Any]) -> list[Conversation]:
    if all(isinstance(one, dict) for one in values) and any(_turn(one) for one in values):
        values = [{"messages": values}]
    made = []
    for value in values:
        turns = value.get("conversations", value.get("messages")) if isinstance(value, dict) else value
        found = [_turn(one) for one in turns] if isinstance(turns, list) else []
        kept = [turn for turn in found if turn is not None]
        if kept:
            title = value.get("title") if isinstance(value, dict) else ""
            made.append(change(_made(kept), title=title if isinstance(title, str) else ""))
    return made


def _turn(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, dict):
        return None
    role, text = value.get("from", value.get("role")), value.get("value", value.get("content"))
    return (_ROLES[role], text) if isinstance(role, str) and role in _ROLES and isinstance(text, str) else None


def _made(turns: list[tuple[str, str]]) -> Conversation:
    made = new_conversation()
    for role, text in turns:
        if role == "system":
            made = change(made, system="\n\n".join(part for part in (made.system, text) if part))
        else:
            made = append(made, "user" if role == "user" else "assistant", text)
    return made
