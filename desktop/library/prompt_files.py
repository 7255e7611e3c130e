"""What users keep for prompting, a small text file each: templates, and presets of sampling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .atomic import write_atomically
from .places import printable, unreadable_in_words, visible
from .recipes import RecipeError, checked_name

LONGEST_FILE = 1 << 20
"""Bytes; what is larger is no template and no preset."""


class PromptFileError(Exception):
    """A file can't be read, written or deleted; the message says why and what to do."""


def safe_name(name: str, taken: Sequence[str] = ()) -> str:
    """A name that is a file's here. Raises PromptFileError, also where it is one of `taken`, which come along."""
    try:
        safe = checked_name(name)
    except RecipeError as error:
        if not name.strip():
            raise PromptFileError("The name is empty. Give it a name.") from error
        raise PromptFileError(
            f"{name!r} can't be a name here: it must not begin or end with a dot, hold one of / \\ : * ? \" < > |, be "
            "very long, or be a name that Windows keeps for itself. Choose another."
        ) from error
    if safe in taken:
        raise PromptFileError(f"{safe!r} comes along with the program and stays as it is. Choose another name.")
    return safe


def list_files(folder: Path, suffix: str) -> list[Path]:
    """The files in a folder, by name; none where there is no folder. Raises PromptFileError."""
    try:
        entries = visible(folder)
    except OSError as error:
        raise PromptFileError(f"{printable(folder)}: {unreadable_in_words(folder, error)}") from error
    return [Path(entry.path) for entry in entries if entry.name.endswith(suffix)]


def read_text(path: Path) -> str:
    """A file's text. Raises PromptFileError."""
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise PromptFileError(f"{printable(path.name)} is too large. Choose another file.")
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise PromptFileError(f"{printable(path.name)}: {unreadable_in_words(path, error)}") from error
    except UnicodeDecodeError as error:
        raise PromptFileError(f"{printable(path.name)} is not UTF-8 text. Save it as UTF-8.") from error


def write_text(path: Path, text: str) -> None:
    """Write a file in the place of what is there. Raises PromptFileError; the file is then as before."""
    try:
        write_atomically(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise PromptFileError(
            f"{printable(path)} can't be written ({error.strerror}). Free some space or mend the folder."
        ) from error


def delete_file(path: Path) -> None:
    """Delete a file; one that is gone is. Raises PromptFileError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise PromptFileError(f"{printable(path)} can't be deleted ({error.strerror}).") from error
