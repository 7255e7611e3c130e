"""Puts a prompt or a conversation into its template, the model's own included."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from desktop.api import Message

from .templates import MODEL_TEMPLATE, Template, TemplateError, choose_template

Render = Callable[[Sequence[Message]], str]
"""Asks the model for its own template's text."""


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


def dress(wish: Wish, has_model_template: bool, render: Render, own: Sequence[Template] = ()) -> Dressed:
    """Dress a prompt and what came before it. `own` are the user's templates. Raises TemplateError."""
    template = choose_template(wish.template, has_model_template, own)
    system = [Message("system", wish.system)] if wish.system else []
    if wish.input:
        prompt = _with_input(wish, template)
        if not wish.before:
            return _dressed(template, template.render(wish.prompt, wish.input) + wish.start)
    else:
        prompt = wish.prompt
    dressed = dress_messages([*system, *wish.before, Message("user", prompt)], template, render)
    return msgspec.structs.replace(dressed, text=dressed.text + wish.start)


def dress_messages(messages: Sequence[Message], template: Template, render: Render) -> Dressed:
    """Dress a conversation, up to its next answer. Raises TemplateError."""
    text = render(messages) if template.name == MODEL_TEMPLATE else template.render_messages(messages)
    return _dressed(template, text)


def _with_input(wish: Wish, template: Template) -> str:
    """An instruction and its input as one message of a later turn. Raises TemplateError where there is no place."""
    if template.name == MODEL_TEMPLATE:
        raise TemplateError("An input needs one of the Alpaca templates; the model's own has no place for it.")
    if wish.system:
        raise TemplateError(f"A system message needs the model's own template; {template.name} has no place for it.")
    template.render(wish.prompt, wish.input)  # it says which templates have a place for an input
    return f"{wish.prompt}{template.between}{wish.input}"


def _dressed(template: Template, text: str) -> Dressed:
    return Dressed(
        text=text, template=template.name, add_special_tokens=template.add_special_tokens, stop=template.stop
    )
