"""A model's own chat template, rendered in a sandbox as transformers renders it, without transformers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from jinja2 import TemplateError as JinjaError
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from desktop.library.places import printable, unreadable_in_words

from .plan import DataError, RowError

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""For models that bring no template."""
BEGIN_TRAINED, END_TRAINED = "\0(", "\0)"
"""Stand around what a template marks as generated. No row holds a NUL, so that these can't come from one."""

Message = Mapping[str, Any]


class ChatTemplate:
    """Renders conversations."""

    def __init__(self, source: str, special_tokens: Mapping[str, str], name: str) -> None:
        """`special_tokens` are the texts of `bos_token`, `eos_token` and so on. Raises DataError for a broken one."""
        self.name = name
        self.end_token = special_tokens.get("eos_token", "")
        self.marks_answers = "endgeneration" in source
        self._special = dict(special_tokens)
        try:
            self._template = _environment().from_string(source)
        except (JinjaError, RecursionError) as error:
            raise DataError(f"The chat template {name} can't be read ({error}). Choose another template.") from error

    def render(self, messages: Sequence[Message], tools: Any = None, *, add_generation_prompt: bool = False) -> str:
        """The text, with marks around answers if the template sets them. Raises RowError in the template's words."""
        try:
            return self._template.render(
                messages=messages, tools=tools, add_generation_prompt=add_generation_prompt, **self._special
            )
        # A template is a stranger's program: it may fail on a row in any way Python code can.
        except Exception as error:
            words = str(error) or type(error).__name__
            raise RowError("refused by the template", f"The chat template refuses this row: {words}.") from error


def chatml() -> ChatTemplate:
    """The template for models without one."""
    return ChatTemplate(CHATML, {"eos_token": "<|im_end|>"}, "chatml")


def read_chat_template(folder: Path) -> ChatTemplate | None:
    """The template in a model's folder; None where it brings none. Raises DataError where it can't be read."""
    if folder.is_file():
        raise DataError(
            f"The chat template inside {printable(folder.name)} can't be read here. Choose chatml or another template, "
            "or name the model's folder as transformers has it."
        )
    config = _read_json(folder / "tokenizer_config.json")
    source = _read_text(folder / "chat_template.jinja") or _source(config.get("chat_template"))
    if not source:
        source = _source(_read_json(folder / "chat_template.json").get("chat_template"))
    if not source:
        return None
    tokens = _read_json(folder / "special_tokens_map.json") | config
    special = {name: _token(value) for name, value in tokens.items() if name.endswith("_token")}
    return ChatTemplate(source, {name: text for name, text in special.items() if text}, folder.name)


def _source(value: object) -> str:
    """The default one, where there are several."""
    if isinstance(value, list):
        named = {one.get("name"): one.get("template") for one in value if isinstance(one, dict)}
        value = named.get("default") or next(iter(named.values()), "")
    return value if isinstance(value, str) else ""


def _token(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except OSError as error:
        raise DataError(f"{path}: {unreadable_in_words(path, error)}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8. Get the file again.") from error


def _read_json(path: Path) -> dict[str, Any]:
    text = _read_text(path)
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except msgspec.DecodeError as error:
        raise DataError(f"{path} is damaged ({error}). Get the file again.") from error


class _Generation(Extension):
    """`{% generation %}...{% endgeneration %}`: what stands between is the model's own words."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        """Put the marks around the block."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_marked"), [], [], body).set_lineno(line)

    def _marked(self, caller: Callable[[], str]) -> str:
        return BEGIN_TRAINED + caller() + END_TRAINED


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    # One moment for all rows: else a run over midnight would have other texts than those that were checked.
    environment.globals["strftime_now"] = datetime.now().strftime
    return environment


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Not Jinja's own, which writes < and > as \u003c for web pages.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    raise JinjaError(message)
