"""Conversations as people's files have them, made into one form: a list of messages with a role and a text."""

from __future__ import annotations

from typing import Any

from .json_values import shortened
from .plan import RowError
from .values import as_object, text_of, type_in_words

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
}
"""What the roles are called elsewhere, and what chat templates call them."""
_TOOL_KEYS = ("tool_calls", "function_call")


def messages_of(row: object, column: str, system_column: str | None = None) -> list[dict[str, Any]]:
    """The checked messages of a row; a system text in a column of its own comes first. Raises RowError."""
    columns = as_object(row)
    if column not in columns:
        raise RowError(f"no {column}", f"The row has no {shortened(column)}.")
    value = columns[column]
    if not isinstance(value, list):
        raise RowError("not a list", f"{shortened(column)} holds {type_in_words(value)}, not a list of messages.")
    if not value:
        raise RowError("empty conversation", f"{shortened(column)} has no messages.")
    messages = [_message(one, number) for number, one in enumerate(value, 1)]
    if system := text_of(columns, system_column):
        messages.insert(0, {"role": "system", "content": system})
    answers = [message for message in messages if message["role"] == "assistant"]
    if not answers:
        raise RowError("no answer", "No message is the assistant's, so there is nothing to learn.")
    if all(message.get("weight") == 0 for message in answers):
        raise RowError("no answer", "Every answer has weight 0, so there is nothing to learn.")
    return messages


def _message(value: object, number: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RowError(
            "not a message",
            f"Message {number} is {type_in_words(value)}. A message is an object with role and content.",
        )
    role = value.get("role", value.get("from"))
    known = _ROLES.get(role.strip().lower()) if isinstance(role, str) else None
    if known is None:
        told = "has no role" if role is None else f"has the role {shortened(role)}"
        raise RowError("unknown role", f"Message {number} {told}. Roles are system, user, assistant and tool.")
    if any(value.get(key) for key in _TOOL_KEYS):
        raise RowError("tool calls", f"Message {number} calls a tool, which can't be learnt from here. Take it out.")
    content = _content(value.get("content", value.get("value")), number)
    if known == "assistant" and not content.strip():
        raise RowError("empty answer", f"Message {number} is an answer without a text.")
    made: dict[str, Any] = {"role": known, "content": content}
    if "weight" in value:
        if value["weight"] not in (0, 1, None) or isinstance(value["weight"], bool):
            raise RowError("weight", f"Message {number} has the weight {shortened(value['weight'])}. It is 0 or 1.")
        made["weight"] = 0 if value["weight"] == 0 else 1
    return made


def _content(value: object, number: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_piece(piece, number) for piece in value)
    told = "has no text" if value is None else f"holds {type_in_words(value)}, not a text"
    raise RowError("message without a text", f"Message {number} {told}.")


def _piece(value: object, number: int) -> str:
    """One piece of a content that is divided, of which only texts can be learnt."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("text"), str) and value.get("type", "text") == "text":
        text: str = value["text"]
        return text
    sort = value.get("type") if isinstance(value, dict) else None
    told = f"a piece of type {shortened(sort)}" if sort else "a piece"
    raise RowError("message without a text", f"Message {number} holds {told} that is not text.")
