"""Which things of the library are shown, in which order and under which headings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from desktop.library.adapter_notes import AdapterNote, adapter_key
from desktop.library.fit import Fit
from desktop.library.shelf.items import Item
from desktop.library.shelf.marks import Mark

NO_MARK, NO_NOTE = Mark(), AdapterNote()
_VERDICTS = {"fits": 0, "unknown": 1, "misfit": 2}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be shown."""

    words: str = ""
    kind: str = ""
    """"model", "adapter", or empty for both."""
    favourites: bool = False
    """Only those."""
    grouped: bool = False
    """Adapters below their base."""
    column: str = "name"
    """What they are sorted by."""
    backwards: bool = False


class Heading(msgspec.Struct, frozen=True):
    """Stands above the things of one base."""

    text: str
    count: int


def _no_words(_: Item) -> str:
    return ""


class LibraryRows:
    """Everything that is known of the library, by path."""

    def __init__(self) -> None:
        """Empty."""
        self.items: Sequence[Item] = ()
        self.fits: dict[str, Fit] = {}
        self._keys: dict[str, str] = {}
        self._marks: Mapping[str, Mark] = {}
        self._notes: Mapping[str, AdapterNote] = {}
        self._ordered: tuple[str, bool, list[Item]] | None = None
        """All of them as they were sorted last: by what, backwards or not."""

    def take_items(self, items: Sequence[Item]) -> None:
        """The library was listed. Of what has changed since, no verdict is known any more."""
        same = {item.path for item in set(items) & set(self.items)}
        self.fits = {path: fit for path, fit in self.fits.items() if path in same}
        self.items, self._ordered = items, None

    def take_marks(self, marks: Mapping[str, Mark]) -> None:
        """Tags, favourites, last uses."""
        self._marks, self._ordered = marks, None

    def take_notes(self, notes: Mapping[str, AdapterNote]) -> None:
        """Notes and preferred weights."""
        self._notes, self._ordered = notes, None

    def take_fits(self, fits: Mapping[str, Fit]) -> None:
        """More verdicts."""
        self.fits |= fits
        self._ordered = None

    def forget_fits(self) -> None:
        """No verdict holds any more."""
        self.fits, self._ordered = {}, None

    def mark(self, item: Item) -> Mark:
        """What is kept about it."""
        return self._marks.get(self._key(item), NO_MARK) if self._marks else NO_MARK

    def note(self, item: Item) -> AdapterNote:
        """What the user wrote about it."""
        return self._notes.get(self._key(item), NO_NOTE) if self._notes else NO_NOTE

    def versions(self, item: Item) -> list[Item]:
        """The checkpoints beside or below it and the adapter they led to, by their number; none where it is alone."""
        alike = [one for one in self.items if one.kind == item.kind]
        below = any(one.name.startswith(f"{item.name}/") for one in alike)
        whole = item.name if below else item.name.rpartition("/")[0]
        beside = [one for one in alike if whole and (one.name == whole or one.name.startswith(f"{whole}/"))]
        return sorted(beside, key=lambda one: one.order) if len(beside) > 1 else []

    def shown(self, wish: Wish) -> list[Item | Heading]:
        """What a wish leaves, in order."""
        found = self._sorted(wish)
        if wish.kind:
            found = [item for item in found if item.kind == wish.kind]
        if wish.favourites:
            found = [item for item in found if self.mark(item).favourite]
        own = self._own_words if self._marks or self._notes else _no_words
        for word in wish.words.casefold().split():
            found = [item for item in found if word in item.words or word in own(item)]
        if not wish.grouped:
            return list(found)
        groups: dict[str, list[Item]] = {}
        for item in found:
            groups.setdefault(item.family, []).append(item)
        rows: list[Item | Heading] = []
        # Adapters that name no base come last.
        for family in sorted(groups, key=lambda name: (not name, name.casefold())):
            rows.append(Heading(family, len(groups[family])))
            rows += [item for item in groups[family] if item.kind == "model"]
            rows += [item for item in groups[family] if item.kind == "adapter"]
        return rows

    def _sorted(self, wish: Wish) -> list[Item]:
        """All of them in order: whoever types changes which are shown, not their order."""
        if self._ordered is None or self._ordered[:2] != (wish.column, wish.backwards):
            found = sorted(self.items, key=self._order(wish.column), reverse=wish.backwards)
            self._ordered = (wish.column, wish.backwards, found)
        return self._ordered[2]

    def _own_words(self, item: Item) -> str:
        """What the user wrote about it."""
        mark, note = self.mark(item), self.note(item)
        return " ".join((*mark.tags, note.notes)).casefold() if mark.tags or note.notes else ""

    def _order(self, column: str) -> Callable[[Item], Any]:
        orders: dict[str, Callable[[Item], Any]] = {
            "name": lambda item: item.order,
            "form": lambda item: (item.kind != "model", item.form.casefold(), item.name.casefold()),
            "size": lambda item: item.size,
            "bits": lambda item: item.bits or 0,
            "base": lambda item: (item.base.casefold(), item.name.casefold()),
            "licence": lambda item: (not item.licence, item.licence.casefold(), item.name.casefold()),
            "fits": lambda item: (self._verdict(item), item.name.casefold()),
            # The latest first: that is what it is sorted by this for.
            "used": lambda item: -self.mark(item).used,
            "tags": lambda item: (not self.mark(item).tags, self.mark(item).tags, item.name.casefold()),
            "weight": lambda item: 1.0 if (weight := self.note(item).weight) is None else weight,
        }
        return orders[column]

    def _verdict(self, item: Item) -> int:
        if item.problem:
            return 4
        return _VERDICTS[self.fits[item.path].verdict] if item.path in self.fits else 3

    def _key(self, item: Item) -> str:
        # Finding out where a path leads asks the disk: once is enough.
        if item.key:
            return item.key
        if item.path not in self._keys:
            self._keys[item.path] = adapter_key(item.path)
        return self._keys[item.path]
