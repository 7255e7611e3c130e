"""The table of the library on the screen: keys for its verbs, headings over the whole width, nothing a row costs."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QStyle, QTableView, QWidget

from desktop.library.shelf.items import Item

from . import theme
from .library_cells import LibraryCells
from .library_table import COLUMNS, ITEM_ROLE, LibraryTable
from .lists import set_rows

WIDTHS = {
    "name": 220, "form": 104, "size": 72, "fits": 96, "base": 150, "bits": 44, "licence": 88, "used": 84, "tags": 100,
    "weight": 60,
}  # fmt: skip

SPREAD = {"name": 0.6, "base": 0.4}
"""Who gets how much of the room that is left."""


class LibraryView(QTableView):
    """One thing is chosen at a time, and stays so while the list changes around it."""

    #: Another thing is chosen: Item, or None.
    chosen_changed = Signal(object)
    #: Use it: Item.
    wanted = Signal(object)
    #: Delete it: Item.
    delete_wanted = Signal(object)
    #: Rename it: Item.
    rename_wanted = Signal(object)

    def __init__(self, table: LibraryTable, parent: QWidget | None = None) -> None:
        """Shows this table."""
        super().__init__(parent)
        self._table = table
        self._path = ""
        self._told: Item | None = None
        self._spreading = self._has_own_widths = False
        self.setModel(table)
        self._cells = LibraryCells(table, self)
        self.setItemDelegate(self._cells)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setAccessibleName(self.tr("Models and adapters of the library"))
        self.setFont(theme.tabular(self.font()))
        set_rows(self)
        columns = self.horizontalHeader()
        columns.setSectionsMovable(True)
        for column, name in enumerate(COLUMNS):
            columns.resizeSection(column, WIDTHS[name])
        columns.sectionResized.connect(self._on_section_resized)
        columns.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        table.modelReset.connect(self._on_reset)
        self.selectionModel().currentRowChanged.connect(self._on_current_changed)
        self.activated.connect(self._on_activated)

    def chosen(self) -> Item | None:
        """What is chosen."""
        index = self.currentIndex()
        item: Item | None = index.data(ITEM_ROLE) if index.isValid() else None
        return item

    def choose(self, path: str) -> None:
        """Choose what lies at a path, now or when it is listed."""
        self._path = path
        row = self._table.row_of(path)
        if row >= 0:
            self._select(row)

    def show_base(self, loaded: bool) -> None:
        """Verdicts are shown while there is a base they are about."""
        self._spreading = True
        self.setColumnHidden(COLUMNS.index("fits"), not loaded)
        self._spread()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """A wide window has room for whole names."""
        super().resizeEvent(event)
        self._spread()

    def _spread(self) -> None:
        self._spreading = True
        taken = sum(width for name, width in WIDTHS.items() if not self.isColumnHidden(COLUMNS.index(name)))
        room = max(self.viewport().width() - taken, 0)
        for name, share in SPREAD.items() if not self._has_own_widths else ():
            self.horizontalHeader().resizeSection(COLUMNS.index(name), WIDTHS[name] + int(room * share))
        self._spreading = False

    def _on_section_resized(self) -> None:
        # From then on the user has the say.
        self._has_own_widths = self._has_own_widths or not self._spreading

    def _select(self, row: int) -> None:
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(self._table.index(row, 0), flags)

    def _on_reset(self) -> None:
        self.clearSpans()
        for row in self._table.headings():
            self.setSpan(row, 0, 1, len(COLUMNS))
        row = self._table.row_of(self._path)
        if row < 0:
            row = self._table.first_item()
        if row >= 0:
            kept = self._path
            self._select(row)
            # Where a filter hides what was chosen, it is chosen again as soon as it is back.
            self._path = kept or self._path
        self._tell()

    def _on_current_changed(self) -> None:
        if (item := self.chosen()) is not None:
            self._path = item.path
        self._tell()

    def _tell(self) -> None:
        item = self.chosen()
        if item != self._told:
            self._told = item
            self.chosen_changed.emit(item)

    def _on_activated(self, _: QModelIndex) -> None:
        if (item := self.chosen()) is not None:
            self.wanted.emit(item)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """All cells share a look."""
        margin = self.style().pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin, None, self) + 1
        self._cells.take_look(self.font(), self.palette(), margin)
        super().paintEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Delete and F2, as in a file manager."""
        signals = {int(Qt.Key.Key_Delete): self.delete_wanted, int(Qt.Key.Key_F2): self.rename_wanted}
        signal = signals.get(event.key())
        item = self.chosen()
        if signal is None or item is None:
            super().keyPressEvent(event)
            return
        signal.emit(item)
