"""What a loader says of itself, put into words for the command line and the window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desktop.api import Capabilities

BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "multipleOf": "a multiple of {}",
    "pattern": "of the form {}",
}
"""What the keywords of JSON Schema mean."""

TYPES = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


def one_line(text: str) -> str:
    """A plugin's text on one line and without control characters, so that it can't drive a terminal."""
    line = " ".join(text.split())
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


def capabilities_in_words(capabilities: Capabilities) -> list[str]:
    """One short phrase for each thing that models of a loader can or can't do."""
    can = capabilities
    return [
        "any number of adapters" if can.many_adapters else "one adapter at a time",
        "a weight for each" if can.weights else "no weights",
        "taken off without reloading" if can.hot_removal else "taking one off reloads the model",
        *(["changed while it answers"] if can.live_changes else []),
        *(["logits"] if can.logits else []),
        *(["training"] if can.train else []),
        *(["export"] if can.export else []),
        *(["quantising"] if can.quantize else []),
        _listed([str(bits) for bits in can.bits]) + " bits",
        "sampling: " + (", ".join(one_line(field) for field in can.sampling) or "none"),
    ]


def settings_in_words(schema: Mapping[str, Any]) -> list[str]:
    """Every setting of a loader's schema: its name and default, its description, what it may be; indented lines."""
    lines = []
    properties = schema.get("properties")
    for name, field in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(field, dict):
            continue
        default = f" (default: {_shown(field['default'])})" if "default" in field else " (must be given)"
        lines.append(one_line(name) + default)
        lines += [f"    {one_line(words)}" for words in (str(field.get("description", "")), _allowed(field)) if words]
    return lines


def _allowed(field: Mapping[str, Any]) -> str:
    """The values a field may have."""
    if isinstance(field.get("enum"), list):
        return "one of: " + ", ".join(_shown(value) for value in field["enum"])
    if isinstance(field.get("anyOf"), list):
        return ", or ".join(filter(None, (_allowed(choice) for choice in field["anyOf"])))
    bounds = [words.format(_shown(field[key])) for key, words in BOUNDS.items() if key in field]
    kind = TYPES.get(str(field.get("type", "")), "")
    return ", ".join(filter(None, [kind, " and ".join(bounds)]))


def _shown(value: object) -> str:
    if value is None:
        return "unset"
    return str(value).lower() if isinstance(value, bool) else (one_line(str(value)) or '""')


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
