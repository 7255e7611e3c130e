"""A conversation: a tree of messages with one branch in sight. Values only; every verb makes a new conversation."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from desktop.api import Lora, Message, Sampling

FORMAT = 1
"""Number of the file's format; it grows when an old program could misread a new file."""
Role = Literal["user", "assistant"]
TITLE = 60
"""Characters of the first message that make the title where the user gave none."""


class NoSuchTurn(Exception):
    """The conversation has no message of that id."""


class ReplyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What made a reply and how it went."""

    reply_id: str = ""
    """Names it in the log of replies, where its recipe and its tokens are; empty where it is not logged."""
    model: str = ""
    template: str = ""
    seed: int | None = None
    sampling: Sampling = Sampling()
    stack: tuple[Lora, ...] = ()
    mode: str = "exact"
    versions: dict[str, str] = {}
    """Of the libraries that did the arithmetic, by name."""
    tokens: int = 0
    prompt_tokens: int = 0
    tokens_per_second: float | None = None
    finish_reason: str = ""
    """As `desktop.api.Reply` has it; empty where the program ended before the reply did."""
    changed_at: tuple[int, ...] = ()
    """Numbers of tokens after which the stack changed while the reply ran."""
    dropped: int = 0
    """How many of the oldest messages were not sent because the context was full."""
    base: str | None = None
    """The base's own answer, where the two were compared."""
    problem: str = ""
    """Why it ended early, in words."""
    note: str = ""
    """What the program has to say of it, such as whether a reply was reproduced."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    id: str
    parent: str = ""
    """The message it follows; empty for the first."""
    role: Role
    text: str = ""
    when: str = ""
    """When it was written, in ISO 8601 with the offset of the place."""
    facts: ReplyFacts | None = None
    """For a reply that a model made."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """All messages of all branches, in the order in which they were made: a message stands after its parent."""

    format: int = FORMAT
    id: str
    title: str = ""
    """What the user calls it; empty takes the beginning of the first message."""
    changed: str = ""
    """When it was changed last, in ISO 8601."""
    system: str = ""
    input: str = ""
    template: str = ""
    sampling: Sampling = Sampling()
    max_new_tokens: Annotated[int, Meta(ge=1)] = 512
    stop: tuple[str, ...] = ()
    stack: tuple[Lora, ...] | None = None
    """Its own stack, put on when it is opened; None leaves the stack as it is."""
    turns: tuple[Turn, ...] = ()
    leaf: str = ""
    """The last message of the branch in sight; empty while there is none."""

    @property
    def shown_title(self) -> str:
        """The title, or what stands for it."""
        if self.title:
            return self.title
        words = " ".join(next((turn.text[: 4 * TITLE] for turn in self.turns), "").split())
        return words if len(words) <= TITLE else f"{words[: TITLE - 3].rstrip()}..."


def new_conversation() -> Conversation:
    """An empty one with an id of its own."""
    return Conversation(id=f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}", changed=_now())


def path_of(conversation: Conversation, turn_id: str | None = None) -> tuple[Turn, ...]:
    """The messages from the first to the one of that id, by default to the last in sight. Raises NoSuchTurn."""
    by_id = {turn.id: turn for turn in conversation.turns}
    wanted = conversation.leaf if turn_id is None else turn_id
    path: list[Turn] = []
    while wanted:
        if wanted not in by_id:
            raise NoSuchTurn(wanted)
        path.append(by_id.pop(wanted))  # popped, so that a circle in a damaged file ends
        wanted = path[-1].parent
    return tuple(reversed(path))


def find_turn(conversation: Conversation, turn_id: str) -> Turn:
    """The message of that id. Raises NoSuchTurn."""
    for turn in conversation.turns:
        if turn.id == turn_id:
            return turn
    raise NoSuchTurn(turn_id)


def versions_of(conversation: Conversation, turn_id: str) -> tuple[Turn, ...]:
    """The message and the others that stand in its place, oldest first. Raises NoSuchTurn."""
    turn = find_turn(conversation, turn_id)
    return tuple(one for one in conversation.turns if (one.parent, one.role) == (turn.parent, turn.role))


def append(
    conversation: Conversation, role: Role, text: str, *, parent: str | None = None, facts: ReplyFacts | None = None
) -> Conversation:
    """A message after the one of the id `parent`, by default the last in sight, where "" is the beginning.

    The branch in sight ends with the new one, its id is `leaf`. Raises NoSuchTurn.
    """
    after = conversation.leaf if parent is None else parent
    if after:
        find_turn(conversation, after)
    turn = Turn(id=_turn_id(conversation), parent=after, role=role, text=_clean(text), when=_now(), facts=facts)
    return _changed(conversation, turns=(*conversation.turns, turn), leaf=turn.id)


def edit(conversation: Conversation, turn_id: str, text: str) -> Conversation:
    """Another version of a message, with this text; the old one and all that followed it stay. Raises NoSuchTurn."""
    turn = find_turn(conversation, turn_id)
    return append(conversation, turn.role, text, parent=turn.parent)


def grow(conversation: Conversation, turn_id: str, text: str, facts: ReplyFacts | None) -> Conversation:
    """The same message with what it has become. Raises NoSuchTurn."""
    find_turn(conversation, turn_id)

    def grown(turn: Turn) -> Turn:
        return msgspec.structs.replace(turn, text=_clean(text), facts=facts) if turn.id == turn_id else turn

    return _changed(conversation, turns=tuple(grown(turn) for turn in conversation.turns))


def show(conversation: Conversation, turn_id: str) -> Conversation:
    """Bring the branch with this message in sight, with the youngest of what follows it. Raises NoSuchTurn."""
    leaf = find_turn(conversation, turn_id).id
    youngest = {turn.parent: turn.id for turn in conversation.turns if turn.parent}
    while leaf in youngest:
        leaf = youngest[leaf]
    return _changed(conversation, leaf=leaf)


def remove(conversation: Conversation, turn_id: str) -> Conversation:
    """Without a message and all that followed it, on every branch. Raises NoSuchTurn."""
    gone = {find_turn(conversation, turn_id).id}
    for turn in conversation.turns:
        if turn.parent in gone:
            gone.add(turn.id)
    parent = find_turn(conversation, turn_id).parent
    left = _changed(conversation, turns=tuple(turn for turn in conversation.turns if turn.id not in gone))
    if left.leaf not in gone:
        return left
    siblings = [turn for turn in left.turns if turn.parent == parent]
    return show(left, siblings[-1].id) if siblings else _changed(left, leaf=parent)


def branch(conversation: Conversation, turn_id: str) -> Conversation:
    """A conversation of its own, with the messages up to this one. Raises NoSuchTurn."""
    path = path_of(conversation, turn_id)
    fresh = new_conversation()
    return msgspec.structs.replace(
        conversation, id=fresh.id, changed=fresh.changed, title=conversation.shown_title, turns=path, leaf=path[-1].id
    )


def change(conversation: Conversation, **values: object) -> Conversation:
    """With other values for the fields that say how it is answered, or for the title."""
    return _changed(conversation, **values)


def messages_of(conversation: Conversation, turn_id: str | None = None) -> tuple[Message, ...]:
    """The system prompt, where there is one, and the messages in sight, as a template wants them. Raises NoSuchTurn."""
    system = (Message("system", conversation.system),) if conversation.system else ()
    return (*system, *(Message(turn.role, turn.text) for turn in path_of(conversation, turn_id)))


def mended(conversation: Conversation) -> Conversation:
    """A conversation from a file that is whole: messages in order, each once, with parents that are there."""
    seen: dict[str, Turn] = {}
    waiting = list(conversation.turns)
    while waiting:
        before = len(seen)
        for turn in waiting:  # one pass where they are in order
            if turn.id not in seen and (not turn.parent or turn.parent in seen):
                seen[turn.id] = turn
        if len(seen) == before:
            # What they followed is lost, or they follow one another in a circle: one begins a branch of its own.
            seen[waiting[0].id] = msgspec.structs.replace(waiting[0], parent="")
        waiting = [turn for turn in waiting if turn.id not in seen]
    turns = tuple(seen.values())
    leaf = conversation.leaf if conversation.leaf in seen else (turns[-1].id if turns else "")
    return msgspec.structs.replace(conversation, turns=turns, leaf=leaf)


def _changed(conversation: Conversation, **values: object) -> Conversation:
    return msgspec.structs.replace(conversation, changed=_now(), **values)


def _turn_id(conversation: Conversation) -> str:
    taken = {turn.id for turn in conversation.turns}
    while (new := secrets.token_hex(4)) in taken:
        pass
    return new


def _clean(text: str) -> str:
    """Half a surrogate pair can't be written to a file."""
    return text.encode("utf-8", "replace").decode()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
