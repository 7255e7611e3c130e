"""A table of texts for a view: rows of any number cost nothing before they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from . import theme
from .lists import set_rows

Index = QModelIndex | QPersistentModelIndex
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class TextTable(QAbstractTableModel):
    """Shows texts; the key of a row says what it stands for."""

    def __init__(self, titles: Sequence[str], numbers: Sequence[int] = (), parent: QObject | None = None) -> None:
        """`numbers` are the columns that stand at the right."""
        super().__init__(parent)
        self._titles = tuple(titles)
        self._numbers = frozenset(numbers)
        self._rows: list[tuple[str, ...]] = []
        self._keys: list[str] = []
        self._tips: list[str] = []

    def show_rows(self, rows: Sequence[Sequence[str]], keys: Sequence[str] = (), tips: Sequence[str] = ()) -> None:
        """Show these; where only texts changed, what is selected and how far it is scrolled stays."""
        new, new_keys = [tuple(row) for row in rows], list(keys) or [""] * len(rows)
        self._tips = list(tips) or [""] * len(rows)
        if new_keys == self._keys and len(new) == len(self._rows):
            changed = [number for number, row in enumerate(new) if row != self._rows[number]]
            self._rows = new
            if changed:
                self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], len(self._titles) - 1))
            return
        self.beginResetModel()
        self._rows, self._keys = new, new_keys
        self.endResetModel()

    def show_titles(self, titles: Sequence[str]) -> None:
        """Other columns; the rows are gone."""
        if tuple(titles) != self._titles:
            self.beginResetModel()
            self._titles, self._rows, self._keys, self._tips = tuple(titles), [], [], []
            self.endResetModel()

    def key(self, row: int) -> str:
        """What a row stands for."""
        return self._keys[row] if 0 <= row < len(self._keys) else ""

    def row_of(self, key: str) -> int:
        """The row that stands for something; -1 where none does."""
        return self._keys.index(key) if key in self._keys else -1

    def cells(self) -> list[tuple[str, ...]]:
        """Titles and texts, to be copied."""
        return [self._titles, *self._rows]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """All rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """All columns."""
        return 0 if parent.isValid() else len(self._titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> object:  # noqa: N802
        """The titles."""
        if orientation is Qt.Orientation.Horizontal and section < len(self._titles):
            if role == Qt.ItemDataRole.DisplayRole:
                return self._titles[section]
            if role == Qt.ItemDataRole.TextAlignmentRole and section in self._numbers:
                return _RIGHT
        return None

    def data(self, index: Index, role: int = 0) -> object:
        """The text of a cell, or its tooltip."""
        text = self._rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        if role == Qt.ItemDataRole.ToolTipRole:
            return theme.as_tooltip(self._tips[index.row()] or text)
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in self._numbers:
            return _RIGHT
        return None


def make_view(model: TextTable, name: str, stretched: int) -> QTableView:
    """A view of such a table; the column `stretched` takes what room there is."""
    view = QTableView()
    view.setModel(model)
    view.setAccessibleName(name)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setTabKeyNavigation(False)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setFont(theme.tabular(view.font()))
    set_rows(view)
    header = view.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
    return view
