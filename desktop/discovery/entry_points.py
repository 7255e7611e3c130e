"""Which loader plugins are registered, read from package metadata alone: nothing of a plugin is imported."""

from __future__ import annotations

from importlib.metadata import Distribution, distributions

import msgspec

from desktop.api import ENTRY_POINT_GROUP
from desktop.engine.messages import LoaderRef

from .words import one_line


class Registered(msgspec.Struct, frozen=True):
    """The loader plugins of this interpreter."""

    loaders: tuple[LoaderRef, ...]
    """One for each name, sorted by name."""
    notes: tuple[str, ...] = ()
    """What the user should know of names claimed twice and of metadata that can't be read, one sentence each."""


def registered_loaders() -> Registered:
    """Read the entry points of every installed distribution.

    Where two distributions register the same name, the one whose own name comes first in the alphabet is taken (then
    the lower version text, then the lower entry-point value): unlike the order of `sys.path` that is the same on
    every machine and at every start. A note names both. Where one distribution is found twice, the first in
    `sys.path` counts, as it does for imports.
    """
    claims: dict[str, list[LoaderRef]] = {}
    notes: list[str] = []
    seen: set[str] = set()
    for distribution in distributions():
        try:
            refs = _refs(distribution)
        except Exception as error:
            # One package with broken metadata must not hide every loader; importlib.metadata itself would raise.
            notes.append(f"The metadata of a package can't be read ({one_line(f'{_where(distribution)}: {error}')}).")
            continue
        if refs and (key := refs[0].distribution.lower().replace("_", "-")) not in seen:
            seen.add(key)
            for ref in refs:
                claims.setdefault(ref.name, []).append(ref)
    loaders = []
    for name in sorted(claims):
        first, *others = sorted(claims[name], key=lambda ref: (ref.distribution.lower(), ref.version, ref.value))
        loaders.append(first)
        notes += [_double(first, other) for other in others]
    return Registered(tuple(loaders), tuple(notes))


def _refs(distribution: Distribution) -> list[LoaderRef]:
    entries = [entry for entry in distribution.entry_points if entry.group == ENTRY_POINT_GROUP]
    if not entries:
        # The name stands in another file; most packages are no loaders, and reading them all takes a while.
        return []
    name, version = str(distribution.metadata["Name"]), str(distribution.metadata["Version"])
    return [LoaderRef(entry.name, entry.value, name, version) for entry in entries]


def _double(first: LoaderRef, other: LoaderRef) -> str:
    sides = [f"{ref.distribution} {ref.version} ({ref.value})" for ref in (first, other)]
    return one_line(
        f"Two packages register a loader called {first.name!r}: {sides[0]} and {sides[1]}. "
        f"The one of {first.distribution} is used; uninstall it to use the other."
    )


def _where(distribution: Distribution) -> str:
    # The folder of the metadata; the attribute is private, but the only way to say which package is meant.
    return str(getattr(distribution, "_path", "unknown place"))
