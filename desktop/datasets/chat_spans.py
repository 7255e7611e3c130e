"""Which parts of a rendered conversation are the assistant's, found by rendering its beginnings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from desktop.api import Part

from .chat_template import BEGIN_TRAINED, END_TRAINED, ChatTemplate, Message
from .plan import RowError

_AMBIGUOUS = "answers not found in the template's text"


def chat_parts(template: ChatTemplate, messages: Sequence[Message], tools: Any = None) -> tuple[Part, ...]:
    """The conversation's text, with the assistant's answers trained. A message with `weight` 0 is not.

    An answer reaches from where the template asks for one up to and with its end token. Raises RowError where the
    template refuses the row, or doesn't say clearly where an answer stands.
    """
    text = template.render(messages, tools)
    if template.marks_answers:
        return _marked_parts(text, [message for message in messages if message["role"] == "assistant"])
    parts: list[Part] = []
    done = 0
    for position, message in enumerate(messages):
        if message["role"] != "assistant" or message.get("weight") == 0:
            continue
        begin, end = _span(template, messages, position, tools, text)
        if begin < done:
            raise RowError(_AMBIGUOUS, f"Message {position + 1} begins inside the one before in the template's text.")
        parts += [Part(text[done:begin], trained=False), Part(text[begin:end])]
        done = end
    parts.append(Part(text[done:], trained=False))
    return tuple(part for part in parts if part.text)


def _span(template: ChatTemplate, messages: Sequence[Message], position: int, tools: Any, text: str) -> tuple[int, int]:
    after = template.render(messages[: position + 1], tools)
    if not text.startswith(after):
        raise RowError(
            _AMBIGUOUS,
            f"The template writes message {position + 1} otherwise when more follows, so it is unclear which words are "
            "learnt. Learn everything, use another template, or end the conversation there.",
        )
    before = template.render(messages[:position], tools, add_generation_prompt=True)
    if not after.startswith(before):
        before = _before_content(template, messages, position, tools, after)
    end = len(after)
    answer = after[len(before) :]
    # The line break after the end token is the template's: the model is stopped before it would write one.
    if template.end_token and answer.rstrip().endswith(template.end_token):
        end = len(before) + len(answer.rstrip())
    if end <= len(before):
        raise RowError(_AMBIGUOUS, f"The template leaves out the answer in message {position + 1}.")
    return len(before), end


def _before_content(template: ChatTemplate, messages: Sequence[Message], position: int, tools: Any, after: str) -> str:
    """The text up to an answer's words, where asking for one writes more than answers have, like an open thought."""
    before = template.render(messages[:position], tools)
    content = messages[position]["content"].strip()
    if after.startswith(before) and after.count(content, len(before)) == 1:
        return after[: after.index(content, len(before))]
    raise RowError(
        _AMBIGUOUS,
        f"The template doesn't show where the answer in message {position + 1} begins. Learn everything, or use "
        "another template.",
    )


def _marked_parts(text: str, answers: Sequence[Message]) -> tuple[Part, ...]:
    pieces = text.split(BEGIN_TRAINED)
    parts = [Part(pieces[0], trained=False)]
    if len(pieces) - 1 != len(answers):
        raise RowError(_AMBIGUOUS, f"The template marks {len(pieces) - 1} answers, but the row has {len(answers)}.")
    for piece, message in zip(pieces[1:], answers, strict=True):
        trained, mark, rest = piece.partition(END_TRAINED)
        if not mark or END_TRAINED in rest:
            raise RowError(_AMBIGUOUS, "The template's marks around answers stand in each other.")
        parts += [Part(trained, trained=message.get("weight") != 0), Part(rest, trained=False)]
    return tuple(part for part in _merged(parts) if part.text)


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Neighbours of the same sort as one, so that the tokenizer sees whole words."""
    made = list(parts[:1])
    for before, part in pairwise(parts):
        if before.trained == part.trained:
            made[-1] = Part(made[-1].text + part.text, trained=part.trained)
        else:
            made.append(part)
    return made
