"""Users' own templates: Jinja, run in a sandbox, with the same names that chat templates of models get."""

from __future__ import annotations

import re
from collections.abc import Sequence
from time import monotonic

import msgspec

from desktop.api import Message

LONGEST = 4 << 20
"""Characters of a rendered prompt."""
PATIENCE = 0.5
"""Seconds a template may take; one that takes longer never ends."""
_STOPS = re.compile(r"\{#-?\s*stop:(.*?)-?#\}", re.DOTALL)
"""A comment that tells them: `{# stop: ["</s>", "USER:"] #}`."""


class JinjaError(Exception):
    """The template can't be read or can't take the conversation; the message says why."""


def render_jinja(source: str, messages: Sequence[Message]) -> str:
    """The text a template makes of a conversation, up to its next answer. Raises JinjaError."""
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(words: str) -> None:
        raise JinjaError(f"The template refuses this conversation: {words}")

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.globals["raise_exception"] = raise_exception
    _stops(source)
    rows = [{"role": message.role, "content": message.content} for message in messages]
    try:
        # BOS is empty: the tokenizer adds it.
        pieces = environment.from_string(source).generate(messages=rows, add_generation_prompt=True, bos_token="")
        return _gather(pieces)
    except JinjaError:
        raise
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        why = (error.message or type(error).__name__).rstrip(".")
        raise JinjaError(f"The template can't be used{where}: {why}.") from error
    except Exception as error:  # a template is a program and may raise anything
        why = str(error).rstrip(".") or type(error).__name__
        raise JinjaError(f"The template can't be used: {why}.") from error


def stops_of_jinja(source: str) -> tuple[str, ...]:
    """The texts that end an answer, from a comment in the template; none where that is none."""
    try:
        return _stops(source)
    except JinjaError:
        return ()  # rendering tells it


def _stops(source: str) -> tuple[str, ...]:
    found = _STOPS.search(source)
    try:
        return msgspec.json.decode(found[1], type=tuple[str, ...]) if found else ()
    except ValueError as error:
        raise JinjaError('Write the stop texts as a list, such as {# stop: ["</s>", "USER:"] #}.') from error


def _gather(pieces: object) -> str:
    begun, size, parts = monotonic(), 0, []
    for piece in pieces:  # type: ignore[attr-defined]
        parts.append(piece)
        size += len(piece)
        if size > LONGEST or monotonic() - begun > PATIENCE:
            raise JinjaError("The template makes a text without an end. Look at its loops.")
    return "".join(parts)
