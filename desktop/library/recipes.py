"""Recipes on the disk: a JSON file each in the folder `recipes`; saved, listed, read, exported and imported."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import msgspec

from desktop.prompting.recipe import FORMAT, Recipe, RecipeFile

from .atomic import write_atomically
from .places import printable, unreadable_in_words, visible

SUFFIX = ".json"
LONGEST_FILE = 64 << 20
"""Bytes; what is larger is no recipe."""
LONGEST_NAME = 200
"""Bytes of a name: file systems take 255, and the temporary file's name is longer."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


class RecipeError(Exception):
    """A recipe can't be saved or read; the message says why and what to do."""


class RecipeExists(RecipeError):
    """There is a recipe of that name, and nobody said that it may be replaced."""


class RecipeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One recipe in the folder."""

    name: str
    path: str
    base: str = ""
    """What the base model was called."""
    adapters: tuple[str, ...] = ()
    """Names and weights, in the stack's order."""
    has_reply: bool = False
    """Whether it holds a prompt and the tokens that came of it."""
    problem: str = ""
    """Why it can't be used; empty where it can."""


def checked_name(name: str, of: str = "recipe") -> str:
    """The name, composed and without spaces around it. Raises RecipeError where it is no name of a file here.

    `of` is what is called so, for the message.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise RecipeError(f"The name is empty. Give the {of} a name.")
    if name[0] == "." or name[-1] == "." or re.search(r'[/\\:*?"<>|\x00-\x1f\x7f]', name) or _RESERVED.fullmatch(name):
        raise RecipeError(
            f"{name!r} can't be a {of}'s name: it must not begin or end with a dot, hold one of / \\ : * ? \" < > | "
            "or be a name that Windows keeps for itself. Choose another."
        )
    if printable(name) != name or len(name.encode()) > LONGEST_NAME:
        raise RecipeError(f"The name is longer than {LONGEST_NAME} bytes or not valid Unicode. Choose another.")
    return name


def save_recipe(folder: Path, name: str, file: RecipeFile, *, replace: bool = False) -> Path:
    """Write a recipe under a name; the file it is in. Raises RecipeExists and RecipeError; nothing is changed then."""
    path = folder / f"{checked_name(name)}{SUFFIX}"
    if not replace and path.exists():
        raise RecipeExists(f"There is a recipe {name.strip()!r} already. Choose another name, or replace it.")
    export_recipe(file, path)
    return path


def export_recipe(file: RecipeFile, path: Path) -> None:
    """Write a recipe to any file, in the place of what is there. Raises RecipeError."""
    try:
        write_atomically(path, file.to_json().encode() + b"\n")
    except OSError as error:
        raise RecipeError(
            f"{printable(path)} can't be written ({error.strerror}). Free some space or choose another place."
        ) from error


def import_recipe(folder: Path, source: Path, name: str = "") -> str:
    """Take a recipe from any file into the folder; its name there, a free one. Raises RecipeError."""
    file = read_recipe_file(source)
    free = _free_name(folder, checked_name(name) if name else _name_from(source))
    save_recipe(folder, free, file)
    return free


def find_recipe(text: str, folder: Path) -> Path:
    """The file that a name in the folder or any path means; the name comes first. Raises RecipeError."""
    try:
        named = folder / f"{checked_name(text)}{SUFFIX}"
        if named.is_file():
            return named
    except RecipeError:
        pass  # no name, so it can only be a path
    try:
        path = Path(text).expanduser()
        if path.is_file():
            return path.absolute()
    except (OSError, ValueError, RuntimeError):
        pass  # no path either
    raise RecipeError(
        f"There is no recipe {text!r}. Looked in {printable(folder)} and at that path; `lora-deck recipes` lists them."
    )


def read_recipe_file(path: Path) -> RecipeFile:
    """A recipe from any file: one of this program's, or what `lora-deck generate --json` prints. Raises RecipeError."""
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise RecipeError(f"{printable(path.name)} is too large for a recipe. Choose a recipe's file.")
        data = path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{printable(path.name)}: {unreadable_in_words(path, error)}") from error
    file = _decoded(data, printable(path.name))
    if file.recipe.format > FORMAT:
        raise RecipeError(
            f"{printable(path.name)} was written by a newer version of the program (format {file.recipe.format}; this "
            f"one reads {FORMAT}). Update LoRA Deck."
        )
    return file


def list_recipes(folder: Path) -> list[RecipeEntry]:
    """Every recipe in the folder, by name; a damaged one with what is wrong. Raises RecipeError for the folder."""
    try:
        entries = visible(folder)
    except OSError as error:
        raise RecipeError(f"{printable(folder)}: {unreadable_in_words(folder, error)}") from error
    return [_entry(Path(entry.path)) for entry in entries if entry.name.endswith(SUFFIX)]


def _name_from(source: Path) -> str:
    try:
        return checked_name(source.stem)
    except RecipeError:
        return "recipe"  # a stranger's file may be called anything


def _free_name(folder: Path, wanted: str) -> str:
    free, number = wanted, 1
    while (folder / f"{free}{SUFFIX}").exists():
        number += 1
        free = f"{wanted} ({number})"
    return free


def _decoded(data: bytes, name: str) -> RecipeFile:
    try:
        return msgspec.json.decode(data, type=RecipeFile)
    except ValueError as error:
        try:
            return RecipeFile(recipe=msgspec.json.decode(data, type=Recipe))
        except ValueError:
            pass  # it is no bare recipe either; the first error says more
        raise RecipeError(f"{name} is no recipe or a damaged one ({error}). Export it again.") from error


def _entry(path: Path) -> RecipeEntry:
    name, where = printable(path.name.removesuffix(SUFFIX)), printable(path)
    try:
        file = read_recipe_file(path)
    except RecipeError as error:
        return RecipeEntry(name=name, path=where, problem=str(error))
    rows = file.recipe.adapters
    return RecipeEntry(
        name=name,
        path=where,
        base=file.recipe.base.name,
        adapters=tuple(f"{row.name} {row.weight:g}" + ("" if row.enabled else " (off)") for row in rows),
        has_reply=bool(file.tokens and file.asked),
    )
