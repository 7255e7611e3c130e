"""The text of a conversation in a named template, and which of its oldest messages fit into the context."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from desktop.api import Message

from .templates import Template


def turns_text(template: Template, before: Sequence[Message], prompt: str, input: str = "") -> str:
    """The messages that came before, each in the template's shape, and the prompt. Raises TemplateError.

    What a template says once, such as Alpaca's first sentence, stands at the beginning alone.
    """
    gap = _gap(template)
    parts: list[str] = []
    for message in before:
        if message.role == "assistant":
            parts.append(message.content + gap)
        else:
            parts.append(
                _later(template, template.render(message.content)) if parts else template.render(message.content)
            )
    last = template.render(prompt, input)
    return "".join((*parts, _later(template, last) if parts else last))


def cuts_of(before: Sequence[Message]) -> list[int]:
    """How many of the oldest messages can be left out, so that what is left begins with the user's."""
    return [at for at in range(1, len(before)) if before[at].role == "user"] + ([len(before)] if before else [])


def fewest_dropped(before: Sequence[Message], fits: Callable[[int], bool]) -> int:
    """How many of the oldest messages must be left out; `fits` tells whether it is enough. All of them if none is."""
    cuts = cuts_of(before)
    low, high = 0, len(cuts) - 1
    while low < high:
        middle = (low + high) // 2
        if fits(cuts[middle]):
            high = middle
        else:
            low = middle + 1
    return cuts[low]


def _gap(template: Template) -> str:
    """What stands between an answer and the next prompt: what stands between a prompt and its answer, or two lines."""
    lead = template.after[: len(template.after) - len(template.after.lstrip("\n"))]
    return lead or "\n\n"


def _later(template: Template, text: str) -> str:
    """The text of a turn that is not the first."""
    marker = template.stop[0] if template.stop else ""
    at = template.before.rfind(marker) if marker else -1
    if at <= 0:
        return text
    for head in (template.before, template.before_with_input or template.before):
        if text.startswith(head):
            return text[head.rfind(marker) :]
    return text
