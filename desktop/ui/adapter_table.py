"""The library's adapters as a table: what is drawn is asked for, what isn't costs nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.library.adapters import AdapterEntry
from desktop.library.fit import Fit
from desktop.library.sizes import size_in_words

from . import theme

ENTRY_ROLE = int(Qt.ItemDataRole.UserRole)
FIT_COLUMN = 4

_DISPLAY, _TOOLTIP = int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.ToolTipRole)
"""Looked up once: a cell is asked for eight roles whenever it is drawn."""

Index = QModelIndex | QPersistentModelIndex


class AdapterTable(QAbstractTableModel):
    """Holds every adapter and shows those the filters leave, in the library's order.

    Filtered here and not by Qt's proxy, which asks for each of thousands of cells at every key.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._titles = [
            self.tr("Adapter"), self.tr("Rank"), self.tr("Size"), self.tr("Made for"), self.tr("This base")
        ]  # fmt: skip
        self._verdicts = {"fits": self.tr("fits"), "misfit": self.tr("does not fit"), "unknown": self.tr("not sure")}
        self._entries: Sequence[AdapterEntry] = ()
        self._shown: list[AdapterEntry] = []
        self._texts: dict[str, str] = {}
        self._fits: dict[str, Fit] = {}
        self._words = ""
        self._only_fitting = False

    def show_entries(self, entries: Sequence[AdapterEntry]) -> None:
        """The library was listed. Of what has changed since, no verdict is known any more."""
        same = {entry.path for entry in set(entries) & set(self._entries)}
        self._fits = {path: fit for path, fit in self._fits.items() if path in same}
        self._entries, self._texts = entries, {}
        self._filter()

    def show_only(self, words: str, *, fitting: bool) -> None:
        """Show those whose texts hold these words, and of them all or those that may fit the base."""
        self._words, self._only_fitting = words.casefold().strip(), fitting
        self._filter()

    def show_fits(self, fits: Mapping[str, Fit]) -> None:
        """Verdicts came; those that may fit are shown where only such are."""
        self._fits |= fits
        if self._only_fitting:
            self._filter()
        elif self._shown:
            self.dataChanged.emit(self.index(0, FIT_COLUMN), self.index(len(self._shown) - 1, FIT_COLUMN))

    def forget_fits(self) -> None:
        """There is another base, or none."""
        self._fits = {}
        self._filter()

    def unjudged(self) -> tuple[str, ...]:
        """The paths of those that can be used and have no verdict."""
        return tuple(entry.path for entry in self._entries if not entry.problem and entry.path not in self._fits)

    def entries(self) -> Sequence[AdapterEntry]:
        """Those that are shown."""
        return self._shown

    def is_empty(self) -> bool:
        """Whether the library holds none."""
        return not self._entries

    def first_usable(self, wanted: Collection[str]) -> int:
        """The row of the first of these paths that can be used, else of the first that can; -1 where none can."""
        usable = [(row, entry.path) for row, entry in enumerate(self._shown) if not entry.problem]
        again = [row for row, path in usable if path in wanted] if wanted else []
        return (again or [row for row, _ in usable] or [-1])[0]

    def _filter(self) -> None:
        shown = [entry for entry in self._entries if self._is_wanted(entry)]
        before = len(self._shown)
        if shown[:before] != self._shown:
            self.beginResetModel()
            self._shown = shown
            self.endResetModel()
        elif len(shown) > before:
            # More at the end, as verdicts come in: what is chosen and how far it is scrolled stays.
            self.beginInsertRows(QModelIndex(), before, len(shown) - 1)
            self._shown = shown
            self.endInsertRows()

    def _is_wanted(self, entry: AdapterEntry) -> bool:
        if self._only_fitting and (entry.problem or self._fits.get(entry.path, _MISFIT).verdict == "misfit"):
            return False
        if not self._words:
            return True
        if entry.path not in self._texts:
            text = f"{entry.name} {entry.kind} {entry.rank} {entry.base_model}"
            self._texts[entry.path] = " ".join(text.split()).casefold()
        return self._words in self._texts[entry.path]

    def _text(self, entry: AdapterEntry, column: int) -> str:
        if column == 0:
            text = entry.name
        elif column == 1:
            text = f"{entry.kind} {entry.rank}" if entry.rank else entry.kind
        elif column == 2:
            text = size_in_words(entry.size) if entry.size else ""
        elif column == 3:
            text = entry.base_model
        else:
            fit = self._fits.get(entry.path)
            text = self._verdicts[fit.verdict] if fit else ""
        return " ".join(text.split())

    def _tooltip(self, entry: AdapterEntry, column: int) -> str:
        fit = self._fits.get(entry.path)
        reason = fit.reason if fit and column == FIT_COLUMN else ""
        return theme.as_tooltip(entry.problem or reason or entry.path)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """Those that are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """Name, rank, size, base and verdict."""
        return 0 if parent.isValid() else len(self._titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> str | None:  # noqa: N802
        """The titles."""
        wanted = orientation is Qt.Orientation.Horizontal and role == _DISPLAY
        return self._titles[section] if wanted else None

    def data(self, index: Index, role: int = 0) -> object:
        """The text of a cell, its tooltip, or the entry."""
        if role == _DISPLAY:
            return self._text(self._shown[index.row()], index.column())
        if role == _TOOLTIP:
            return self._tooltip(self._shown[index.row()], index.column())
        return self._shown[index.row()] if role == ENTRY_ROLE else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """What is broken can't be chosen."""
        if self._shown[index.row()].problem:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren


_MISFIT = Fit("misfit")
"""One without a verdict is not shown as one that fits."""
