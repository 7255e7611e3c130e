"""What is said under a reply: what made it, how fast, and why it ended."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication

from desktop.library.conversation import ReplyFacts, Turn

NAMED = 40
"""Characters by which a message is called."""


def facts_in_words(facts: ReplyFacts) -> str:
    """One line."""
    acting = [f"{row.name} {row.weight:g}" for row in facts.stack if row.enabled and row.weight]
    parts = [" + ".join([facts.model, *acting]), _tr("{count} tokens").format(count=facts.tokens)]
    if facts.tokens_per_second:
        parts.append(_tr("{speed:.1f} tokens/s").format(speed=facts.tokens_per_second))
    if facts.seed is not None:
        parts.append(_tr("seed {seed}").format(seed=facts.seed))
    if facts.changed_at:
        tokens = ", ".join(f"{token:,}" for token in facts.changed_at)
        parts.append(_tr("the stack changed after {tokens} tokens").format(tokens=tokens))
    ends = {
        "length": _tr("cut at the longest answer"),
        "context": _tr("the context is full"),
        "cancelled": _tr("stopped"),
    }
    if facts.finish_reason in ends:
        parts.append(ends[facts.finish_reason])
    return " · ".join(parts)


def dropped_in_words(path: Sequence[Turn], count: int) -> str:
    """Which of the oldest messages were not sent."""
    if not count:
        return ""
    last = next((turn for number, turn in enumerate(path, 1) if number >= count), path[-1])
    words = " ".join(last.text[: 2 * NAMED].split())[:NAMED]
    said = _tr("The context is full: the {count} oldest messages, up to \N{LEFT DOUBLE QUOTATION MARK}{words}"
               "\N{RIGHT DOUBLE QUOTATION MARK}, were not sent. The system message was.")  # fmt: skip
    return said.format(count=count, words=words)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ReplyWords", text)
