"""What of the user's refers to a model or an adapter: recipes, replies, training runs, the adapters of a base."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from desktop.api import LoaderError
from desktop.library.adapters import AdapterEntry
from desktop.library.home import Home
from desktop.library.hub.bases import known_names, names_of_model
from desktop.library.identity import fingerprint
from desktop.library.places import visible
from desktop.library.recipes import RecipeError, list_recipes, read_recipe_file

Hash = Callable[[Path], str]
SHOWN = 5
"""Names that are told one by one."""


class Dependents(msgspec.Struct, frozen=True, kw_only=True):
    """Who would miss it."""

    recipes: tuple[str, ...] = ()
    replies: int = 0
    """Logged replies that were made with it."""
    runs: tuple[str, ...] = ()
    """Trainings that name it."""
    adapters: tuple[str, ...] = ()
    """Adapters made for this base."""

    def in_words(self) -> tuple[str, ...]:
        """A sentence for each kind of them."""
        said = []
        if self.adapters:
            said.append(f"Adapters made for it ({len(self.adapters)}): {_listed(self.adapters)}.")
        if self.recipes:
            said.append(f"Saved recipes that need it ({len(self.recipes)}): {_listed(self.recipes)}.")
        if self.runs:
            said.append(f"Trainings that can't go on without it ({len(self.runs)}): {_listed(self.runs)}.")
        if self.replies:
            said.append(f"Replies in the log that could no longer be made again: {self.replies:,}.")
        return tuple(said)


def find_dependents(
    kind: str, path: Path, name: str, adapters: Sequence[AdapterEntry], home: Home, hash_of: Hash
) -> Dependents:
    """Look through the home folder. What can't be read is passed over: this informs, it forbids nothing."""
    identity = _identity(kind, path, hash_of)
    return Dependents(
        recipes=_recipes(home, kind, identity, path),
        replies=_replies(home, identity),
        runs=_runs(home, path, name),
        adapters=_adapters(path, name, adapters) if kind == "model" else (),
    )


def _identity(kind: str, path: Path, hash_of: Hash) -> str:
    """What recipes know it by; empty where it is too broken to have been used."""
    try:
        return hash_of(path) if kind == "adapter" else fingerprint(path)
    except (LoaderError, OSError):
        return ""


def _recipes(home: Home, kind: str, identity: str, path: Path) -> tuple[str, ...]:
    found = []
    try:
        entries = list_recipes(home.recipes)
    except RecipeError:
        return ()
    for entry in entries:
        if entry.problem:
            continue
        try:
            recipe = read_recipe_file(Path(entry.path)).recipe
        except RecipeError:
            continue
        hashes = {row.content_hash for row in recipe.adapters} if kind == "adapter" else {recipe.base.fingerprint}
        if identity in hashes - {""} or (kind == "model" and recipe.base.path == str(path)):
            found.append(entry.name)
    return tuple(found)


def _replies(home: Home, identity: str) -> int:
    """By the hash as it stands in their lines: taking thousands of them apart would take long."""
    if not identity:
        return 0
    wanted, found = identity.encode(), 0
    for entry in _files(home.conversations):
        with entry.open("rb") as file:
            found += sum(wanted in line for line in file)
    return found


def _files(folder: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in visible(folder) if entry.is_file() and entry.name.endswith(".jsonl")]
    except OSError:
        return []


def _runs(home: Home, path: Path, name: str) -> tuple[str, ...]:
    from desktop.library.runs.listing import list_runs

    found = []
    try:
        entries = list_runs(home)
    except OSError:
        return ()
    for entry in entries:
        if entry.run is None:
            continue
        named = [entry.run.model.path, entry.run.continue_from, *(row.path for row in entry.run.stack)]
        if entry.phase != "finished" and (str(path) in named or entry.run.continue_from == name):
            found.append(entry.name or entry.id)
    return tuple(found)


def _adapters(path: Path, name: str, adapters: Sequence[AdapterEntry]) -> tuple[str, ...]:
    own = {known.casefold() for known in (*names_of_model(path), name)}
    return tuple(
        entry.name
        for entry in adapters
        if entry.base_model
        and (own & {known.casefold() for known in known_names(entry.base_model)} or entry.base_model == str(path))
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
