"""Reads the small YAML files of text-generation-webui. Nothing in them is executed, whatever they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from desktop.library.places import printable
from desktop.library.prompt_files import PromptFileError, read_text


def read_yaml(path: Path) -> dict[str, Any]:
    """The names and values at the outermost level. Raises PromptFileError with what is wrong."""
    # Here and not above: the window starts without it.
    import yaml

    text = read_text(path).removeprefix("\ufeff")
    try:
        value = yaml.safe_load(text)
    except RecursionError as error:
        raise PromptFileError(f"{shown(path)} is nested too deeply to be read. Mend or remove it.") from error
    # A value that looks like a date or a number and is none raises whatever Python raises for it.
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise PromptFileError(f"{shown(path)} is no YAML or damaged ({_where(error)}). Mend or remove it.") from error
    if not isinstance(value, dict):
        raise PromptFileError(f"{shown(path)} holds no names and values. Mend or remove it.")
    return {str(name): one for name, one in value.items()}


def shown(path: Path) -> str:
    """A file's name as text that can be printed on one line."""
    return on_one_line(path.name)


def on_one_line(text: str) -> str:
    """A stranger's text without control characters."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in printable(text))


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)
