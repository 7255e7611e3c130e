"""Reads the small YAML files of text-generation-webui. Nothing in them is executed, whatever they hold."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from desktop.library.places import printable, unreadable_in_words
from desktop.library.prompt_files import PromptFileError, read_text

LONGEST = 1 << 16
"""Bytes; the largest templates have a quarter of that, and YAML is read slowly."""


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The names and values at the outermost level. Raises PromptFileError with what is wrong.

    What is known of a file that has not changed is not read again: templates are looked through for every answer.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise PromptFileError(f"{shown(path)}: {unreadable_in_words(path, error)}") from error
    if not stat.S_ISREG(status.st_mode):
        raise PromptFileError(f"{shown(path)} is no file. Remove it.")
    if status.st_size > LONGEST:
        raise PromptFileError(f"{shown(path)} is too large to be a template or a preset. Remove it.")
    values, problem = _read(path, (status.st_ino, status.st_mtime_ns, status.st_size))
    if problem:
        raise PromptFileError(problem)
    return values


def shown(path: Path) -> str:
    """A file's name as text that can be printed on one line."""
    return on_one_line(path.name)


def on_one_line(text: str) -> str:
    """A stranger's text without control characters."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in printable(text))


@lru_cache(maxsize=2048)
def _read(path: Path, _: tuple[int, int, int]) -> tuple[Mapping[str, Any], str]:
    """Its values, or what is wrong with it; the second argument changes with the file."""
    # Here and not above: the window starts without it.
    import yaml

    try:
        value = yaml.safe_load(read_text(path).removeprefix("\ufeff"))
    except PromptFileError as error:
        return {}, str(error)
    except RecursionError:
        return {}, f"{shown(path)} is nested too deeply to be read. Mend or remove it."
    # A value that looks like a date or a number and is none raises whatever Python raises for it.
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        return {}, f"{shown(path)} is no YAML or damaged ({_where(error)}). Mend or remove it."
    if not isinstance(value, dict):
        return {}, f"{shown(path)} holds no names and values. Mend or remove it."
    return {str(name): one for name, one in value.items()}, ""


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)
