"""The roles a column can have, the names it usually goes by, and which roles make which kind of row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

ROLES: dict[str, dict[str, tuple[str, ...]]] = {
    "messages": {"messages": ("messages",), "tools": ("tools",)},
    "conversations": {"conversations": ("conversations", "conversation"), "system": ("system", "system_prompt")},
    "completion": {
        "prompt": ("prompt",),
        "completion": ("completion", "response", "output", "answer", "chosen"),
        "system": ("system", "system_prompt"),
    },
    "alpaca": {
        "instruction": ("instruction", "instructions", "question", "query", "task", "user"),
        "input": ("input", "inputs", "context"),
        "output": ("output", "outputs", "response", "answer", "completion", "target", "assistant", "reply"),
        "system": ("system", "system_prompt"),
    },
    "text": {"text": ("text", "content", "document")},
}
"""Kind -> role -> the names a column with that role usually has, commonest first. The kinds in the order of trial."""
REQUIRED: dict[str, tuple[str, ...]] = {
    "messages": ("messages",),
    "conversations": ("conversations",),
    "completion": ("prompt", "completion"),
    "alpaca": ("instruction", "output"),
    "text": ("text",),
}
"""Roles without which there is no row of that kind."""
ALL_ROLES = frozenset(role for roles in ROLES.values() for role in roles)
_LISTS = frozenset({"messages", "conversations"})


def propose(kind: str, columns: Sequence[str], lists: Set[str], chosen: Mapping[str, str]) -> dict[str, str] | None:
    """The column of each role of a kind: the user's choice first, then by name; None where a required one is missing.

    `lists` are the columns that hold lists.
    """
    roles = ROLES.get(kind)
    if roles is None or not set(chosen) <= set(roles):
        return None
    mapping = dict(chosen)
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    for role, names in roles.items():
        if role not in mapping:
            free = (by_name[name] for name in names if name in by_name and by_name[name] not in mapping.values())
            if found := next(free, None):
                mapping[role] = found
    if kind == "alpaca" and "instruction" not in mapping and "input" in mapping and "input" not in chosen:
        mapping["instruction"] = mapping.pop("input")
    required = REQUIRED[kind]
    if any(role not in mapping or (role in _LISTS and mapping[role] not in lists) for role in required):
        return None
    return {role: mapping[role] for role in roles if role in mapping}
