"""Which template fits, by what the files of the adapters and of the model tell, and why, in a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import Lora
from desktop.prompting.chat_templates import name_by_marks
from desktop.prompting.templates import MODEL_TEMPLATE, PLAIN_TEMPLATE

from .places import printable

LONGEST_FILE = 4 << 20
"""Bytes of a record that is read."""
_FORMATS = {"alpaca-format": "alpaca", "vicuna-format": "vicuna"}
"""Formats of text-generation-webui by name."""


class Automatic(msgspec.Struct, frozen=True):
    """A template that was chosen, and why."""

    name: str
    reason: str


def choose_automatically(rows: Sequence[Lora], model: str, has_template: bool) -> Automatic:
    """The template the last adapter that acts was trained with, where its files tell; else the model's; else plain."""
    own = name_by_marks(next(_templates(Path(model)), "")) if has_template else ""
    for row in reversed(rows):
        name, file = _trained_with(Path(row.path)) if row.enabled and row.weight else ("", "")
        if name and name == own:
            reason = f"The model's own template, which {row.name} was trained with too ({file} beside it)."
            return Automatic(MODEL_TEMPLATE, printable(reason))
        if name:
            return Automatic(name, printable(f"{row.name} was trained with it ({file} beside it)."))
    if has_template:
        return Automatic(MODEL_TEMPLATE, "The model brings its own template.")
    return Automatic(PLAIN_TEMPLATE, "The model brings no template, and no adapter tells what it was trained with.")


def _trained_with(folder: Path) -> tuple[str, str]:
    """The template's name and the file that tells it; both empty where none does."""
    for file in ("training_prompt.json", "training_parameters.json"):
        read = _read_json(folder / file)
        name = _FORMATS.get(str(read.get("format"))) or name_by_marks("\n".join(_texts(read)))
        if name:
            return name, file
    for text in _templates(folder):
        if name := name_by_marks(text):
            return name, "its chat template"
    return "", ""


def _templates(folder: Path) -> Iterator[str]:
    """The chat templates that lie in a folder."""
    if text := _read(folder / "chat_template.jinja"):
        yield text
    written = _read_json(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(written, str):
        yield written


def _texts(value: Any) -> Iterator[str]:
    """Every text among the values of a file's first two levels."""
    for one in value.values():
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            yield from (text for text in one.values() if isinstance(text, str))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read(path) or "{}")
    except (ValueError, RecursionError):
        return {}  # inspecting the adapter tells what is wrong with it
    return value if isinstance(value, dict) else {}


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LONGEST_FILE:
            return ""
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""  # the same
