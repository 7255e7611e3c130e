"""Chooses adapters of the library: a list that stays quick with a thousand of them, and a filter."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import QModelIndex, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QKeyEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QAbstractItemView, QDialog, QDialogButtonBox, QLineEdit, QTreeView, QVBoxLayout, QWidget

from desktop.library.adapters import AdapterEntry
from desktop.library.sizes import size_in_words

from . import theme

ENTRY_ROLE = Qt.ItemDataRole.UserRole


class AdapterChooser(QDialog):
    """Not modal: the window goes on while it is open."""

    #: An adapter was chosen: AdapterEntry.
    adapter_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Add an adapter"))
        self.resize(620, 420)
        self._filter = QLineEdit()
        self._filter.setPlaceholderText(self.tr("Filter by name, kind or base model"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setAccessibleName(self.tr("Filter"))
        self._items = QStandardItemModel(0, 4, self)
        self._items.setHorizontalHeaderLabels(
            [self.tr("Adapter"), self.tr("Rank"), self.tr("Size"), self.tr("Made for")]
        )
        self._shown = QSortFilterProxyModel(self)
        self._shown.setSourceModel(self._items)
        self._shown.setFilterKeyColumn(-1)
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._view = QTreeView()
        self._view.setModel(self._shown)
        self._view.setRootIsDecorated(False)
        self._view.setUniformRowHeights(True)
        self._view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._view.setAccessibleName(self.tr("Adapters of the library"))
        self._view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._view.header().resizeSection(0, 240)
        self._note = theme.Note(parent=self)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self._add = self._buttons.addButton(self.tr("Add"), QDialogButtonBox.ButtonRole.AcceptRole)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        for widget in (self._filter, self._view, self._note, self._buttons):
            layout.addWidget(widget)
        # Only now: a dialog knows the default among the buttons it holds.
        self._add.setDefault(True)
        self._connect_signals()
        self._on_selection_changed()

    def show_adapters(self, entries: Sequence[AdapterEntry]) -> None:
        """The library was listed."""
        chosen = {entry.path for entry in self._chosen()}
        self._items.setRowCount(0)
        for entry in entries:
            self._items.appendRow(self._cells(entry))
        if not entries:
            self._note.say(
                self.tr("The library holds no adapters yet. Put one into its folder `loras`, or drop one here.")
            )
        self._choose_first(chosen)

    def ask(self) -> None:
        """Open with the keyboard on the filter."""
        self.show()
        self.raise_()
        self.activateWindow()
        self._filter.selectAll()
        self._filter.setFocus()

    def _cells(self, entry: AdapterEntry) -> list[QStandardItem]:
        rank = f"{entry.kind} {entry.rank}".strip() if entry.rank else entry.kind
        texts = (entry.name, rank, size_in_words(entry.size) if entry.size else "", entry.base_model)
        cells = [QStandardItem(" ".join(text.split())) for text in texts]
        cells[0].setData(entry, ENTRY_ROLE)
        for cell in cells:
            cell.setToolTip(theme.as_tooltip(entry.problem or entry.path))
            if entry.problem:
                cell.setEnabled(False)
        return cells

    def _connect_signals(self) -> None:
        self._filter.textChanged.connect(self._on_filter_changed)
        self._view.activated.connect(self._on_activated)
        self._view.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self._buttons.accepted.connect(self._on_add)
        self._buttons.rejected.connect(self.reject)

    def _chosen(self) -> list[AdapterEntry]:
        return [index.data(ENTRY_ROLE) for index in self._view.selectionModel().selectedRows(0)]

    def _on_filter_changed(self, text: str) -> None:
        self._shown.setFilterFixedString(text)
        self._choose_first(set())

    def _choose_first(self, wanted: Collection[str]) -> None:
        """Select the first of those wanted that can be used, else the first that can; else say why none can."""
        rows = [self._shown.index(row, 0) for row in range(self._shown.rowCount())]
        usable = [index for index in rows if not index.data(ENTRY_ROLE).problem]
        again = [index for index in usable if index.data(ENTRY_ROLE).path in wanted] if wanted else []
        if found := again or usable:
            self._view.setCurrentIndex(found[0])
        elif rows:
            entry = rows[0].data(ENTRY_ROLE)
            self._note.say(f"{entry.name}: {entry.problem}", error=True)

    def _on_selection_changed(self) -> None:
        chosen = self._chosen()
        self._add.setEnabled(bool(chosen))
        self._note.say(chosen[0].path if len(chosen) == 1 else "")

    def _on_activated(self, _: QModelIndex) -> None:
        self._on_add()

    def _on_add(self) -> None:
        for entry in self._chosen():
            self.adapter_chosen.emit(entry)
        self.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Up and down move in the list while the keyboard is on the filter."""
        if event.key() in {Qt.Key.Key_Down, Qt.Key.Key_Up} and self._filter.hasFocus():
            self._view.setFocus()
            self._view.keyPressEvent(event)
            return
        super().keyPressEvent(event)
