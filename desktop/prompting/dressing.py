"""Puts a prompt into its template, the model's own included."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from desktop.api import Message

from .templates import MODEL_TEMPLATE, TemplateError, choose_template
from .turns import turns_text


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the user gave: the prompt, and what goes with it."""

    prompt: str
    template: str | None = None
    """A template's name; None takes the model's own if it has one, else the plain one."""
    input: str = ""
    system: str = ""
    before: tuple[Message, ...] = ()
    """The messages of the conversation that stand before the prompt."""
    start: str = ""
    """How the answer begins, given by the user or by an answer that is to go on."""


class Dressed(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt as the tokenizer gets it."""

    text: str
    template: str
    """Name of the template that was used."""
    add_special_tokens: bool
    stop: tuple[str, ...] = ()


def dress(wish: Wish, has_model_template: bool, render: Callable[[Sequence[Message]], str]) -> Dressed:
    """Dress a prompt. `render` asks the model for its own template's text. Raises TemplateError."""
    template = choose_template(wish.template, has_model_template)
    if template.name != MODEL_TEMPLATE:
        if wish.system:
            raise TemplateError(
                f"A system message needs the model's own template; {template.name} has no place for it."
            )
        text = turns_text(template, wish.before, wish.prompt, wish.input) + wish.start
        special, stop = template.add_special_tokens, template.stop
        return Dressed(text=text, template=template.name, add_special_tokens=special, stop=stop)
    if wish.input:
        raise TemplateError("An input needs one of the Alpaca templates; the model's own has no place for it.")
    system = [Message("system", wish.system)] if wish.system else []
    text = render([*system, *wish.before, Message("user", wish.prompt)]) + wish.start
    return Dressed(text=text, template=template.name, add_special_tokens=False)
