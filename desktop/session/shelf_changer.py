"""Renames, moves and deletes things of the library, and looks at what they share, need and take of the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from desktop.api import Lora
from desktop.library.adapters import AdapterEntry, list_adapters
from desktop.library.home import Home
from desktop.library.models import list_models
from desktop.library.settings import Settings
from desktop.library.sizes import size_in_words

from .plans import Loaded
from .shelf_lane import ShelfLane
from .shelf_plans import ShelfLook

if TYPE_CHECKING:
    from desktop.library.shelf.trash import Trashed
    from desktop.library.shelf.units import Unit
    from desktop.library.shelf.uses import Use


class ShelfChanger(ShelfLane):
    """The verbs return at once; the signals come from the changer's thread, one piece of work after the other.

    What is loaded, on the stack or held by a training is not touched: the changer is told of it.
    """

    #: What is asked to be changed, and what depends on it: ShelfLook.
    looked = Signal(object)
    #: Something was renamed or moved: where it was, where it is.
    relocated = Signal(str, str)
    #: Something is in the trash: Trashed.
    deleted = Signal(object)
    #: Something came back from the trash: where it is.
    restored = Signal(str)
    #: What is there twice: a list of tuples of Item.
    duplicates_found = Signal(list)
    #: What the home folder takes: DiskUse.
    disk_measured = Signal(object)
    #: The folders are no longer as they were listed.
    folders_changed = Signal()
    #: Something is being done or was done: a sentence.
    told = Signal(str)

    def __init__(self, home: Home, settings: Settings, parent: QObject | None = None) -> None:
        """Nothing is read yet."""
        super().__init__(home.root, "shelf-work", parent)
        self._home = home
        self._settings = settings
        self._adapters: Sequence[AdapterEntry] = ()
        self._wanted = ""
        self._quantized = ""
        self._loaded: Loaded | None = None
        self._rows: tuple[Lora, ...] = ()

    @Slot(list)
    def know_adapters(self, entries: list[AdapterEntry]) -> None:
        """The adapters of the library were listed."""
        self._adapters = entries

    @Slot(str)
    def know_wanted(self, path: str) -> None:
        """The model at this path is being loaded."""
        self._wanted = path

    @Slot(object)
    def know_loaded(self, loaded: Loaded) -> None:
        """A model was loaded."""
        self._loaded, self._wanted = loaded, ""

    @Slot()
    def forget_wanted(self) -> None:
        """Nothing is being loaded any more."""
        self._wanted = ""

    @Slot(str)
    def know_quantized(self, path: str) -> None:
        """The model at this path is being quantised."""
        self._quantized = path

    @Slot()
    def forget_quantized(self) -> None:
        """No model is being quantised any more."""
        self._quantized = ""

    @Slot()
    def forget_loaded(self) -> None:
        """No model is loaded any more."""
        self._loaded = None

    def know_rows(self, rows: Sequence[Lora]) -> None:
        """The stack, attached or not."""
        self._rows = tuple(rows)

    @Slot(str)
    def look_at(self, path: str) -> None:
        """Find out what depends on it and whether it may be changed."""
        uses = self._uses()
        self._submit(lambda: self._look(path, uses))

    @Slot(str, str)
    def rename(self, path: str, name: str) -> None:
        """Give it another name."""
        uses = self._uses()
        self._submit(lambda: self._rename(path, name, uses))

    @Slot(str, str)
    def move(self, path: str, folder: str) -> None:
        """Move it into another folder."""
        uses = self._uses()
        self._submit(lambda: self._move(path, folder, uses))

    @Slot(str)
    def delete(self, path: str) -> None:
        """Move it to the trash."""
        uses = self._uses()
        self._submit(lambda: self._delete(path, uses))

    @Slot(object)
    def restore(self, trashed: Trashed) -> None:
        """Have it back from the trash."""
        self._submit(lambda: self._restore(trashed))

    @Slot()
    def empty_trash(self) -> None:
        """Delete for good what is in the trash."""
        self._submit(self._empty)

    @Slot()
    def find_duplicates(self) -> None:
        """Look for what is there twice."""
        self._submit(self._find_duplicates)

    @Slot()
    def measure(self) -> None:
        """Find out what the home folder takes of the disk."""
        self._submit(self._measure)

    def _uses(self) -> list[Use]:
        """What the window itself uses now."""
        from desktop.library.shelf.uses import Use

        found = [Use(row.path, self.tr("It is on the stack. Take it off the stack first.")) for row in self._rows]
        if self._wanted:
            found.append(Use(self._wanted, self.tr("It is being loaded. Cancel that first.")))
        if self._quantized:
            found.append(
                Use(self._quantized, self.tr("It is being quantised. Wait until that has ended, or cancel it."))
            )
        if self._loaded is not None:
            words = self.tr("It is loaded. Unload the model first.")
            found += [Use(path, words) for path in (self._loaded.plan.path, self._loaded.info.path)]
        return found

    def _free_unit(self, path: str, uses: Sequence[Use]) -> Unit:
        """What belongs to it. Raises ShelfError where somebody uses it."""
        from desktop.library.shelf.problems import ShelfError
        from desktop.library.shelf.units import unit_of
        from desktop.library.shelf.uses import reason_in_use, uses_of_runs

        unit = unit_of(Path(path), self._home)
        if reason := reason_in_use(unit, (*uses, *uses_of_runs(self._home))):
            raise ShelfError(f"{unit.names[0]}: {reason}")
        return unit

    def _look(self, path: str, uses: Sequence[Use]) -> None:
        from desktop.library.hashes import ContentHashes
        from desktop.library.shelf.dependents import find_dependents
        from desktop.library.shelf.problems import ShelfError
        from desktop.library.shelf.units import bytes_of

        try:
            unit = self._free_unit(path, uses)
        except ShelfError as error:
            self.looked.emit(ShelfLook(path=path, name=Path(path).name, refusal=str(error)))
            return
        hash_of = ContentHashes(self._home.cache).of
        needs = find_dependents(unit.kind, Path(path), Path(path).name, self._adapters, self._home, hash_of)
        size = bytes_of(unit.paths)
        self.looked.emit(ShelfLook(path=path, name=unit.names[0], told=needs.in_words(), size=size))

    def _rename(self, path: str, name: str, uses: Sequence[Use]) -> None:
        from desktop.library.shelf.changing import rename

        self._free_unit(path, uses)
        self._relocated(path, rename(Path(path), name, self._home))

    def _move(self, path: str, folder: str, uses: Sequence[Use]) -> None:
        from desktop.library.shelf.changing import move

        self._free_unit(path, uses)
        self.told.emit(self.tr("Moving {name}").format(name=Path(path).name))
        self._relocated(path, move(Path(path), Path(folder), self._home, self._ending.is_set))

    def _relocated(self, path: str, now: Path) -> None:
        self.relocated.emit(path, str(now))
        self.told.emit(self.tr("{name} is now {path}.").format(name=Path(path).name, path=now))
        self.folders_changed.emit()

    def _delete(self, path: str, uses: Sequence[Use]) -> None:
        from desktop.library.shelf.trash import move_to_trash

        self.deleted.emit(move_to_trash(self._free_unit(path, uses), self._home))
        self.folders_changed.emit()

    def _restore(self, trashed: Trashed) -> None:
        from desktop.library.shelf.trash import restore

        place = restore(trashed, self._home)
        self.restored.emit(str(place))
        self.told.emit(self.tr("{name} is back in the library.").format(name=trashed.name))
        self.folders_changed.emit()

    def _empty(self) -> None:
        from desktop.library.shelf.trash import empty_trash

        freed = empty_trash(self._home)
        self.told.emit(self.tr("The trash is empty; {size} were freed.").format(size=size_in_words(freed)))
        self._measure()

    def _find_duplicates(self) -> None:
        from desktop.library.hashes import ContentHashes
        from desktop.library.shelf.duplicates import find_duplicates
        from desktop.library.shelf.items import make_items

        self.told.emit(self.tr("Comparing what has the same size"))
        models, adapters = list_models(self._home, self._settings), list_adapters(self._home, self._settings)
        items = make_items(models, adapters, self._home)
        hash_of = ContentHashes(self._home.cache).of
        self.duplicates_found.emit(find_duplicates(items, hash_of, self._ending.is_set))

    def _measure(self) -> None:
        from desktop.library.shelf.duplicates import disk_use

        self.disk_measured.emit(disk_use(self._home))
