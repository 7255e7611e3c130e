"""A recipe against what is here: its adapters found again by content, then by name, and what differs, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec

from desktop.api import LoaderError, Lora
from desktop.prompting.recipe import Machine, Recipe, RecipeAdapter, RecipeBase

from .adapters import AdapterEntry
from .names import make_row_id

Hash = Callable[[Path], str]


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe's stack as far as the library has it."""

    rows: tuple[Lora, ...] = ()
    """What was found, in the recipe's order."""
    by_name: tuple[str, ...] = ()
    """Adapters that are called as in the recipe but hold something else."""
    missing: tuple[str, ...] = ()
    """Adapters the library has neither by content nor by name."""

    def in_words(self) -> tuple[str, ...]:
        """A sentence for each adapter that is not the recipe's own."""
        renamed = (
            f"The adapter {name} was found by its name only: its files are not those of the recipe."
            for name in self.by_name
        )
        missing = (
            f"The adapter {name} is missing: the library has it neither by content nor by name. Add it and try again."
            for name in self.missing
        )
        return (*renamed, *missing)


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """The model, the versions and the machine that would make the answer now."""

    base: RecipeBase
    versions: dict[str, str]
    machine: Machine
    mode: str = "exact"


def match_adapters(
    wanted: Sequence[RecipeAdapter], entries: Sequence[AdapterEntry], hash_of: Hash, places: Sequence[str] = ()
) -> Matched:
    """Find a recipe's adapters at the places where they were and in the library.

    Those of the same name are read first: mostly they are the ones. A place counts by its content alone.
    """
    rows: list[Lora] = []
    found: AdapterEntry | None
    by_name: list[str] = []
    missing: list[str] = []
    usable = [entry for entry in entries if not entry.problem]
    for number, adapter in enumerate(wanted):
        place = places[number] if number < len(places) else ""
        there = AdapterEntry(name=adapter.name, path=place)
        if is_local(place) and _hash(there, hash_of) == adapter.content_hash:
            found, exact = _listed(there, usable), True
        else:
            found, exact = _find(adapter, usable, hash_of)
        if found is None:
            missing.append(adapter.name)
            continue
        if not exact:
            by_name.append(adapter.name)
        rows.append(_row(adapter, found, [row.id for row in rows]))
    return Matched(rows=tuple(rows), by_name=tuple(by_name), missing=tuple(missing))


def is_local(path: str) -> bool:
    """Whether a path in a stranger's recipe may be looked at: not one that would ask a server on Windows."""
    return bool(path) and not path.startswith(("\\\\", "//"))


def differences(recipe: Recipe, here: Here) -> tuple[str, ...]:
    """What may make other tokens than the recipe's, a sentence each; nothing where nothing is known to differ."""
    base, now = recipe.base, here.base
    found: list[str] = []
    if base.fingerprint != now.fingerprint:
        found.append(f"The base model is another one: the recipe's is {base.name}, here it is {now.name}.")
    for title, then, today in (
        ("loader", base.loader, now.loader),
        ("arithmetic", base.dtype, now.dtype),
        ("number of bits", base.bits, now.bits),
        ("device", base.device, now.device),
        ("mode of the stack", recipe.mode, here.mode),
        ("system", recipe.machine.platform, here.machine.platform),
        ("processor", recipe.machine.processor, here.machine.processor),
        ("accelerator", recipe.machine.device, here.machine.device),
    ):
        if then != today and not (title == "accelerator" and base.device != now.device):
            found.append(f"The {title} differs: {then or 'not told'} in the recipe, {today or 'not told'} here.")
    if base.settings != now.settings:
        found.append("The loader's settings differ from the recipe's.")
    found += _versions(recipe.versions, here.versions)
    if recipe.seed is None and not recipe.sampling.greedy:
        found.append("The recipe has no seed, so other tokens may be drawn.")
    if recipe.cached_prefix and base.dtype != "float32":
        found.append(
            f"{recipe.cached_prefix:,} tokens of the prompt came from the cache of the conversation and are computed "
            f"anew here, which in {base.dtype} may round otherwise."
        )
    return tuple(found)


def segments_in_words(recipe: Recipe) -> str:
    """Why only the beginning of a reply can be made again, empty where the whole can."""
    if len(recipe.segments) < 2:
        return ""
    return (
        f"The stack changed while the reply ran, after {recipe.segments[1].first_token} tokens: only the tokens before "
        "that are made again."
    )


def reproducible_tokens(recipe: Recipe, tokens: Collection[int]) -> int:
    """How many of a reply's tokens the recipe's first stack made."""
    return min(recipe.segments[1].first_token, len(tokens)) if len(recipe.segments) > 1 else len(tokens)


def first_difference(made: Sequence[int], recorded: Sequence[int]) -> int | None:
    """The number of the first token that is not the recorded one, counted from 0; None where all are the same."""
    for number, (one, other) in enumerate(zip(made, recorded, strict=False)):
        if one != other:
            return number
    return None if len(made) == len(recorded) else min(len(made), len(recorded))


def compared_in_words(made: Sequence[int], recorded: Sequence[int]) -> str:
    """Whether the same tokens came again, and if not, where they part."""
    place = first_difference(made, recorded)
    if place is None:
        return f"Reproduced: the same {len(made)} token{'' if len(made) == 1 else 's'}."
    ours, theirs = (str(tokens[place]) if place < len(tokens) else "the end" for tokens in (made, recorded))
    before = "; those before it are the same" if place else ""
    return f"Not reproduced: token {place + 1} of {len(recorded)} differs, it was {theirs} and is {ours}{before}."


def _find(adapter: RecipeAdapter, entries: Sequence[AdapterEntry], hash_of: Hash) -> tuple[AdapterEntry | None, bool]:
    named = [entry for entry in entries if entry.name == adapter.name]
    others = [entry for entry in entries if entry.name != adapter.name]
    for entry in (*named, *others):
        if _hash(entry, hash_of) == adapter.content_hash:
            return entry, True
    return (named[0], False) if named else (None, False)


def _listed(there: AdapterEntry, entries: Sequence[AdapterEntry]) -> AdapterEntry:
    """The library's own entry for a place, which has the name the user knows."""
    return next((entry for entry in entries if entry.path == there.path), there)


def _hash(entry: AdapterEntry, hash_of: Hash) -> str:
    try:
        return hash_of(Path(entry.path))
    except LoaderError:
        return ""  # deleted or damaged since it was listed: it is not the one


def _row(adapter: RecipeAdapter, entry: AdapterEntry, taken: Collection[str]) -> Lora:
    return Lora(
        id=make_row_id(Path(entry.path), taken),
        name=entry.name,
        path=entry.path,
        weight=adapter.weight,
        enabled=adapter.enabled,
    )


def _versions(then: dict[str, str], now: dict[str, str]) -> list[str]:
    return [
        f"{name} differs: {then.get(name, 'not told')} in the recipe, {now.get(name, 'not there')} here."
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
