"""From a record's value to the parts of a training row: which maker a plan means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from desktop.api import Part
from desktop.prompting.templates import MODEL_TEMPLATE, PLAIN_TEMPLATE, Template, TemplateError, choose_template

from .conversations import messages_of
from .formats import find_format
from .kinds import Shape
from .losses import with_loss
from .plan import AFTER, CHATML_TEMPLATE, DataError, DataPlan, RowError
from .turns import from_columns, single_turn
from .values import as_object, names_of, required_text

if TYPE_CHECKING:
    from .chat_template import ChatTemplate

Parts = tuple[Part, ...]
_CONVERSATIONS = ("messages", "conversations")


class Maker(msgspec.Struct, frozen=True, kw_only=True):
    """Makes the parts of a row from a record's value, or raises RowError."""

    make: Callable[[Any], Parts]
    name: str = ""
    """Of the template or format; empty where text is taken as it is."""
    columns: frozenset[str] = frozenset()
    """Columns it looks at."""
    add_special_tokens: bool = True
    cut: bool = False
    notes: tuple[str, ...] = ()


def choose_maker(plan: DataPlan, shape: Shape) -> Maker:
    """The maker for rows of that shape. Raises DataError where the plan's template or format can't be used."""
    maker = _answers_maker(plan, shape)

    def make(value: Any) -> Parts:
        return with_loss(maker.make(value), plan.loss)

    used = frozenset(shape.mapping.values()) if shape.kind != "columns" else maker.columns
    return msgspec.structs.replace(maker, make=make, columns=used)


def _answers_maker(plan: DataPlan, shape: Shape) -> Maker:
    """One that marks the answers."""
    if shape.kind == "unknown":
        return Maker(make=_refuse)
    if shape.kind in ("raw", "text"):
        return _text_maker(plan, shape)
    if plan.format:
        return _format_maker(plan, shape)
    name = plan.template or _usual_template(shape.kind)
    if name in (MODEL_TEMPLATE, CHATML_TEMPLATE):
        return _chat_maker(plan, shape, name)
    try:
        template = choose_template(name, has_model_template=True)
    except TemplateError as error:
        raise DataError(str(error).removesuffix(".") + f", {CHATML_TEMPLATE}.") from error
    return _template_maker(template, shape)


def _usual_template(kind: str) -> str:
    if kind in _CONVERSATIONS:
        return MODEL_TEMPLATE
    return PLAIN_TEMPLATE if kind == "completion" else "alpaca"


def _refuse(value: Any) -> NoReturn:
    row = as_object(value)
    raise RowError(
        "unknown columns",
        f"Nobody can say what is learnt from the columns {names_of(row)}.",
    )


def _text_maker(plan: DataPlan, shape: Shape) -> Maker:
    if plan.template not in ("", PLAIN_TEMPLATE) or plan.format:
        raise DataError(
            "Plain text is taken as it is, without a template or format. Leave it out, or choose another kind of rows."
        )
    if shape.kind == "raw":
        return Maker(make=lambda value: (Part(value),), cut=True)
    column = shape.mapping["text"]
    return Maker(
        make=lambda value: (Part(required_text(as_object(value), column)),), cut=not plan.loss.startswith(AFTER)
    )


def _format_maker(plan: DataPlan, shape: Shape) -> Maker:
    chosen = find_format(plan.format)
    if shape.kind == "columns":
        used = frozenset(shape.mapping.get(key, key) for key in chosen.keys)
        return Maker(make=lambda value: chosen.parts(value, shape.mapping), name=chosen.name, columns=used)
    if shape.kind in _CONVERSATIONS:
        read = _messages_reader(shape)
        return Maker(make=lambda value: chosen.parts(single_turn(read(value), chosen.name), {}), name=chosen.name)
    # A format knows the columns by its own keys, which for these kinds are the roles.
    mapping = dict(shape.mapping)
    return Maker(make=lambda value: chosen.parts(value, mapping), name=chosen.name)


def _template_maker(template: Template, shape: Shape) -> Maker:
    read = _turn_reader(template.name, shape)

    def make(value: Any) -> Parts:
        turn = read(value)
        try:
            prompt = template.render(turn["instruction"], turn["input"])
        except TemplateError as error:
            raise RowError("no place for an input", str(error)) from error
        return (Part(prompt, trained=False), Part(turn["output"]))

    return Maker(make=make, name=template.name, add_special_tokens=template.add_special_tokens)


def _chat_maker(plan: DataPlan, shape: Shape, name: str) -> Maker:
    # Here, not above: Jinja takes longer to import than the command line takes to start.
    from .chat_spans import chat_parts

    template, notes = _chat_template(plan, name)
    if shape.kind in _CONVERSATIONS:
        read = _messages_reader(shape)
    else:
        turn_of = _turn_reader("", shape)

        def read(value: Any) -> list[dict[str, Any]]:
            turn = turn_of(value)
            asked = "\n\n".join(text for text in (turn["instruction"], turn["input"]) if text)
            system = [{"role": "system", "content": turn["system"]}] if turn["system"] else []
            return [*system, {"role": "user", "content": asked}, {"role": "assistant", "content": turn["output"]}]

    tools = shape.mapping.get("tools")

    def make(value: Any) -> Parts:
        return chat_parts(template, read(value), value.get(tools) if tools else None)

    shown = CHATML_TEMPLATE if template.name == CHATML_TEMPLATE else MODEL_TEMPLATE
    return Maker(make=make, name=shown, add_special_tokens=False, notes=notes)


def _chat_template(plan: DataPlan, name: str) -> tuple[ChatTemplate, tuple[str, ...]]:
    from .chat_template import chatml, read_chat_template

    if name == CHATML_TEMPLATE:
        return chatml(), ()
    own = read_chat_template(Path(plan.model_folder)) if plan.model_folder else None
    if own is not None:
        return own, ()
    if plan.template:
        raise DataError(
            "The model's own chat template is asked for, but "
            + (f"{plan.model_folder} brings none. " if plan.model_folder else "no model is named. ")
            + "Name a model that has one, or use chatml."
        )
    why = "The model brings no chat template" if plan.model_folder else "No model is named"
    return chatml(), (f"{why}, so conversations are written in ChatML.",)


def _messages_reader(shape: Shape) -> Callable[[Any], list[dict[str, Any]]]:
    column, system = shape.mapping[shape.kind], shape.mapping.get("system")
    return lambda value: messages_of(value, column, system)


def _turn_reader(template: str, shape: Shape) -> Callable[[Any], Mapping[str, str]]:
    if shape.kind in _CONVERSATIONS:
        read = _messages_reader(shape)
        return lambda value: single_turn(read(value), template)
    return lambda value: from_columns(value, shape.mapping)
