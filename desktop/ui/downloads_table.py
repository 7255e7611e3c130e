"""The downloads as a table: a row for each, and below one that runs a row for each file that is coming."""

from __future__ import annotations

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.library.hub.events import FileSize
from desktop.library.hub.queue import Entry

from . import theme
from .download_words import DownloadWords

ENTRY_ROLE = int(Qt.ItemDataRole.UserRole)
SHARE_ROLE = ENTRY_ROLE + 1
"""How much of it is here, from 0 to 1; None where that is not known."""
NAME, STATE, AMOUNT, SPEED = range(4)
_DISPLAY, _TOOLTIP = int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.ToolTipRole)
Index = QModelIndex | QPersistentModelIndex
Row = tuple[Entry, FileSize | None]


class DownloadsTable(QAbstractTableModel):
    """In the order in which they are fetched."""

    def __init__(self, parent: QObject | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._entries: dict[int, Entry] = {}
        self._rows: list[Row] = []
        self.words = DownloadWords(self)
        self._titles = (self.tr("Download"), self.tr("State"), self.tr("Size"), self.tr("Speed"))

    def take(self, entry: Entry) -> None:
        """One is new or has changed."""
        self._entries[entry.id] = entry
        self._show()

    def drop(self, number: int) -> None:
        """One is off the list."""
        if self._entries.pop(number, None) is not None:
            self._show()

    def entries(self) -> list[Entry]:
        """All of them."""
        return list(self._entries.values())

    def entry(self, number: int) -> Entry | None:
        """One of them."""
        return self._entries.get(number)

    def row_of(self, number: int) -> int:
        """Where a download stands; -1 where it doesn't."""
        return next((row for row, (entry, file) in enumerate(self._rows) if entry.id == number and file is None), -1)

    def _show(self) -> None:
        rows: list[Row] = []
        for entry in self._entries.values():
            rows.append((entry, None))
            rows += [(entry, file) for file in entry.files]
        same = [_identity(row) for row in rows] == [_identity(row) for row in self._rows]
        if same and rows:
            self._rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self._titles) - 1))
        elif not same:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()

    def _text(self, entry: Entry, file: FileSize | None, column: int) -> str:
        words = self.words
        if file is not None:
            return (f"      {file.path}", "", words.amount(file.done, file.size), "")[column]
        texts = (words.title(entry), words.state(entry), words.amount(entry.done, entry.total), words.speed(entry))
        return texts[column]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """Downloads and files."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """Name, state, size and speed."""
        return 0 if parent.isValid() else len(self._titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> str | None:  # noqa: N802
        """The titles."""
        wanted = orientation is Qt.Orientation.Horizontal and role == _DISPLAY
        return self._titles[section] if wanted else None

    def data(self, index: Index, role: int = 0) -> object:
        """The text of a cell, its tooltip, its download, or how far it is."""
        entry, file = self._rows[index.row()]
        if role == _DISPLAY:
            return self._text(entry, file, index.column())
        if role == _TOOLTIP:
            return theme.as_tooltip(entry.problem or (file.path if file else entry.folder or entry.repo))
        if role == SHARE_ROLE:
            return _share(entry, file)
        return entry if role == ENTRY_ROLE else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Files can't be chosen by themselves."""
        file = self._rows[index.row()][1]
        chosen = Qt.ItemFlag.NoItemFlags if file else Qt.ItemFlag.ItemIsSelectable
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren | chosen


def _identity(row: Row) -> tuple[int, str]:
    return row[0].id, row[1].path if row[1] else ""


def _share(entry: Entry, file: FileSize | None) -> float | None:
    done, total = (file.done, file.size) if file else (entry.done, entry.total)
    if file is None and entry.state in ("done", "failed"):
        return None
    return min(done / total, 1.0) if total else None
