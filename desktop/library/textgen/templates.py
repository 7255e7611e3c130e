"""Instruction templates of text-generation-webui: Jinja in the newer form, texts around the messages in the older."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from desktop.library.prompt_files import PromptFileError
from desktop.prompting.jinja_templates import stops_of_jinja
from desktop.prompting.templates import Template
from desktop.prompting.turns import Around, Turns

from .yaml_files import on_one_line, read_yaml, shown

SUFFIXES = (".yaml", ".yml")
JINJA = "instruction_template"
"""The name of the newer form's text."""
_USER, _BOT, _SYSTEM = "<|user-message|>", "<|bot-message|>", "<|system-message|>"
"""Places of the messages in the older form."""


def read_template(path: Path, name: str) -> Template:
    """The template in a file under a name; a damaged one with what is wrong."""
    file = on_one_line(str(path))
    words = f"Read from {file}."
    try:
        values = read_yaml(path)
        if JINJA in values:
            source = _text(values, JINJA, path)
            if not source.strip():
                raise PromptFileError(f"{shown(path)}: {JINJA} is empty. Mend or remove it.")
            stop = stops_of_jinja(source)
            return Template(name=name, title=name, description=words, jinja=source, stop=stop, file=file)
        turns, stop = _turns(values, path)
        return Template(name=name, title=name, description=words, turns=turns, stop=stop, file=file)
    except PromptFileError as error:
        return Template(name=name, title=name, description=str(error), jinja="", problem=str(error), file=file)


def _turns(values: Mapping[str, Any], path: Path) -> tuple[Turns, tuple[str, ...]]:
    """The older form: a text with the places of both messages, and what stands before the whole."""
    if "turn_template" not in values:
        raise PromptFileError(f"{shown(path)} has neither {JINJA} nor turn_template, so it is no template.")
    user, bot = _text(values, "user", path), _text(values, "bot", path)
    before, found_user, rest = _text(values, "turn_template", path).partition(_USER)
    between, found_bot, after = rest.partition(_BOT)
    if not found_user or not found_bot:
        raise PromptFileError(f"{shown(path)}: turn_template lacks {_USER}, or {_BOT} behind it. Mend or remove it.")
    before, between, after = (
        part.replace("<|user|>", user).replace("<|bot|>", bot) for part in (before, between, after)
    )
    begin, has_system, behind = _text(values, "context", path).partition(_SYSTEM)
    turns = Turns(
        begin=begin,
        user=Around(before),
        assistant=Around(between, after),
        # That program leaves spaces at the end of a prompt out, and so did those who trained with it.
        answer=between.rstrip(" "),
        system=Around("", behind) if has_system else None,
        default_system=_text(values, "system_message", path) if has_system else "",
    )
    stops = (after.strip(), before.strip())
    return turns, tuple(dict.fromkeys(text for text in stops if text))


def _text(values: Mapping[str, Any], name: str, path: Path) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise PromptFileError(f"{shown(path)}: {name} is no text. Mend or remove it.")
    return value
