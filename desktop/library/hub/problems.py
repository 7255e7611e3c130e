"""What can go wrong with the hub, each in a sentence of its own that says what to do next."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal[
    "name", "choice", "hostile", "exists", "outdated", "edited", "busy", "missing", "gated", "login", "revision",
    "file", "forbidden", "offline", "dns", "proxy", "rate", "server", "cut", "timeout", "disk", "permission", "hash",
    "changed", "bug",
]  # fmt: skip
"""What went wrong, for programs; the sentence is for people."""

_SECRETS = (
    (re.compile(r"\bhf_[A-Za-z0-9_-]{4,}"), "hf_***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\"]+"), r"\1 ***"),
    (re.compile(r"(?i)(\w+://)[^/\s@'\"]*@"), r"\1***@"),
    # What a content network is asked with is signed: whoever reads the address could fetch the file.
    (re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]+"), r"\1?***"),
)


class HubError(Exception):
    """Something asked of the hub can't be had; the message is for the user and says what to do next."""

    def __init__(self, kind: Kind, message: str, *, again: bool = False, wait: float | None = None) -> None:
        """`again`: trying once more may help. `wait`: seconds the hub asks to wait before that."""
        super().__init__(without_secrets(message))
        self.kind = kind
        self.again = again
        self.wait = wait


def without_secrets(text: str, *known: str | None) -> str:
    """The text with tokens, passwords in addresses and signed queries taken out; `known` are further secrets."""
    for secret in known:
        if secret:
            text = text.replace(secret, "***")
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
