"""The library as a table: what is drawn is asked for, what isn't costs nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont, QGuiApplication

from desktop.library.adapter_notes import AdapterNote
from desktop.library.fit import Fit
from desktop.library.shelf.items import Item
from desktop.library.shelf.marks import Mark
from desktop.library.sizes import size_in_words

from . import theme
from .library_rows import Heading, LibraryRows, Wish

ITEM_ROLE = int(Qt.ItemDataRole.UserRole)
COLUMNS = ("name", "form", "size", "fits", "base", "bits", "licence", "used", "tags", "weight")
_DISPLAY, _TOOLTIP = int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.ToolTipRole)
_FONT, _FOREGROUND = int(Qt.ItemDataRole.FontRole), int(Qt.ItemDataRole.ForegroundRole)
_ROLES = {_DISPLAY, _TOOLTIP, _FONT, _FOREGROUND, ITEM_ROLE}
"""A cell is asked for twice as many whenever it is drawn."""
_NO_FLAGS = Qt.ItemFlag.NoItemFlags
# Put together once: for each cell that is drawn they are asked for, and Python adds flags up slowly.
_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
DAY = 24 * 3600
Index = QModelIndex | QPersistentModelIndex


class LibraryTable(QAbstractTableModel):
    """Shows what the wish leaves. Filtered and sorted here and not by Qt's proxy, which asks for each of the cells."""

    def __init__(self, parent: QObject | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self.rows = LibraryRows()
        self._wish = Wish()
        self._shown: list[Item | Heading] = []
        self._bold = QFont()
        self._bold.setBold(True)
        self._verdicts = {"fits": self.tr("fits"), "misfit": self.tr("does not fit"), "unknown": self.tr("not sure")}
        self._titles = {
            "name": self.tr("Name"), "form": self.tr("Kind"), "size": self.tr("Size"), "fits": self.tr("This base"),
            "base": self.tr("Made for"), "bits": self.tr("Bits"), "licence": self.tr("Licence"),
            "used": self.tr("Last used"), "tags": self.tr("Tags"), "weight": self.tr("Weight"),
        }  # fmt: skip

    def show_items(self, items: Sequence[Item]) -> None:
        """The library was listed."""
        self.rows.take_items(items)
        self._show()

    def show_marks(self, marks: Mapping[str, Mark]) -> None:
        """Tags, favourites and last uses came."""
        self.rows.take_marks(marks)
        self._show()

    def show_notes(self, notes: Mapping[str, AdapterNote]) -> None:
        """Notes and preferred weights came."""
        self.rows.take_notes(notes)
        self._show()

    def show_fits(self, fits: Mapping[str, Fit]) -> None:
        """Verdicts came; where they are sorted by, the order changes."""
        self.rows.take_fits(fits)
        if self._wish.column == "fits":
            self._show()
        else:
            self._redraw()

    def forget_fits(self) -> None:
        """There is another base, or none."""
        self.rows.forget_fits()
        self._show()

    def wish(self, **change: object) -> None:
        """Show something else, or in another order."""
        self._wish = msgspec.structs.replace(self._wish, **change)
        self._show()

    def unjudged(self) -> tuple[str, ...]:
        """The paths of the adapters that can be used and have no verdict."""
        fits = self.rows.fits
        return tuple(
            item.path
            for item in self.rows.items
            if item.kind == "adapter" and not item.problem and item.path not in fits
        )

    def row_of(self, path: str) -> int:
        """Where something is shown; -1 where it isn't."""
        return next((row for row, one in enumerate(self._shown) if isinstance(one, Item) and one.path == path), -1)

    def first_item(self) -> int:
        """The first row that is no heading; -1 without any."""
        return next((row for row, one in enumerate(self._shown) if isinstance(one, Item)), -1)

    def headings(self) -> list[int]:
        """The rows that are headings."""
        return [row for row, one in enumerate(self._shown) if isinstance(one, Heading)]

    def count(self) -> int:
        """How many things are shown."""
        return sum(isinstance(one, Item) for one in self._shown)

    def cell(self, row: int, column: int) -> str | None:
        """What stands in a cell; None in a heading's."""
        shown = self._shown[row]
        return None if isinstance(shown, Heading) else self._text(shown, COLUMNS[column])

    def _show(self) -> None:
        shown = self.rows.shown(self._wish)
        if shown == self._shown:
            self._redraw()
            return
        self.beginResetModel()
        self._shown = shown
        self.endResetModel()

    def _redraw(self) -> None:
        if self._shown:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._shown) - 1, len(COLUMNS) - 1))

    def _text(self, item: Item, column: str) -> str:
        if column == "name":
            text = f"★ {item.name}" if self.rows.mark(item).favourite else item.name
        elif column == "form":
            # Most are of transformers' making; only what differs is told in so narrow a column.
            form = item.form.removeprefix("Transformers ")
            text = form or (self.tr("model") if item.kind == "model" else self.tr("adapter"))
        elif column == "size":
            text = size_in_words(item.size) if item.size else ""
        elif column == "fits":
            text = self._verdict(item)
        elif column == "base":
            text = item.base
        elif column == "bits":
            text = f"{item.bits:g}" if item.bits else ""
        elif column == "licence":
            text = item.licence
        elif column == "used":
            text = self.when(self.rows.mark(item).used)
        elif column == "tags":
            text = ", ".join(self.rows.mark(item).tags)
        else:
            weight = self.rows.note(item).weight
            text = "" if weight is None else f"{weight:.2f}"
        return " ".join(text.split())

    def _verdict(self, item: Item) -> str:
        if item.problem:
            return self.tr("can't be used")
        fit = self.rows.fits.get(item.path)
        return self._verdicts[fit.verdict] if fit else ""

    def when(self, seconds: float) -> str:
        """A time as people say it, in short."""
        if not seconds:
            return ""
        days = int(time.time() // DAY - seconds // DAY)
        if days <= 0:
            return self.tr("today")
        return self.tr("yesterday") if days == 1 else time.strftime("%Y-%m-%d", time.localtime(seconds))

    def _tooltip(self, item: Item, column: str) -> str:
        fit = self.rows.fits.get(item.path)
        if column == "fits" and fit and fit.reason:
            return theme.as_tooltip(fit.reason)
        if column in ("base", "tags", "licence"):
            return theme.as_tooltip(self._text(item, column))
        return theme.as_tooltip(item.problem or item.path)

    def _heading(self, heading: Heading) -> str:
        title = heading.text or self.tr("Base not named")
        return f"{' '.join(title.split())} ({heading.count:,})"

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """Things and headings."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """As in COLUMNS."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> str | None:  # noqa: N802
        """The titles."""
        wanted = orientation is Qt.Orientation.Horizontal and role == _DISPLAY
        return self._titles[COLUMNS[section]] if wanted else None

    def data(self, index: Index, role: int = 0) -> object:
        """The text of a cell, its tooltip, or the item."""
        if role not in _ROLES:
            return None
        row = self._shown[index.row()]
        if isinstance(row, Heading):
            if role == _DISPLAY:
                return self._heading(row) if index.column() == 0 else None
            if role == _FOREGROUND:
                # What can't be chosen is greyed, but a heading is there to be read.
                return QGuiApplication.palette().text()
            return self._bold if role == _FONT else None
        if role == _DISPLAY:
            return self._text(row, COLUMNS[index.column()])
        if role == _TOOLTIP:
            return self._tooltip(row, COLUMNS[index.column()])
        return row if role == ITEM_ROLE else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """The keyboard passes headings over."""
        return _NO_FLAGS if isinstance(self._shown[index.row()], Heading) else _FLAGS

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column; Qt calls it when its title is clicked."""
        self.wish(column=COLUMNS[column], backwards=order is Qt.SortOrder.DescendingOrder)
