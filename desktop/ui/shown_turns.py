"""The messages of a conversation as they are to be seen."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from PySide6.QtCore import QCoreApplication

from desktop.library.conversation import Conversation, ReplyFacts, path_of

from .reply_words import dropped_in_words, facts_in_words

LONGEST_SHOWN = 20_000
"""Characters of a message of the user's that are shown."""


class ShownTurn(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is to be seen."""

    id: str
    is_reply: bool
    text: str
    version: int = 1
    versions: int = 1
    note: str = ""
    """What came of it, in words."""
    problem: str = ""
    running: bool = False
    opens_thinking: bool = False


def shown_turns(conversation: Conversation, running: str, open_thinking: Collection[str]) -> list[ShownTurn]:
    """The branch in sight; `running` is the id of the reply that is being made."""
    path = path_of(conversation)
    places: dict[tuple[str, str], list[str]] = {}
    for turn in conversation.turns:
        places.setdefault((turn.parent, turn.role), []).append(turn.id)
    shown = []
    for number, turn in enumerate(path):
        versions = places[turn.parent, turn.role]
        facts = (turn.facts if turn.id != running else None) or ReplyFacts()
        text, words = turn.text, [facts_in_words(facts)] if facts.model else []
        if turn.role == "user" and len(text) > LONGEST_SHOWN:
            said = QCoreApplication.translate(
                "ShownTurns", "The first {shown:,} of {count:,} characters are shown; all of it is sent."
            )
            words.append(said.format(shown=LONGEST_SHOWN, count=len(text)))
            text = text[:LONGEST_SHOWN]
        words += [dropped_in_words(path[:number], facts.dropped), facts.note]
        shown.append(
            ShownTurn(
                id=turn.id,
                is_reply=turn.role == "assistant",
                text=text,
                version=versions.index(turn.id) + 1,
                versions=len(versions),
                note="\n".join(part for part in words if part),
                problem=facts.problem,
                running=turn.id == running,
                opens_thinking=turn.id in open_thinking,
            )
        )
    return shown
