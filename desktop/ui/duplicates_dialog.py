"""What lies in the library more than once, byte by byte the same."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QAbstractItemView, QDialog, QDialogButtonBox, QTreeView, QVBoxLayout, QWidget

from desktop.library.shelf.items import Item
from desktop.library.sizes import size_in_words

from . import theme
from .lists import set_rows

PATH_ROLE = Qt.ItemDataRole.UserRole


class DuplicatesDialog(QDialog):
    """Not modal: what is to be deleted is chosen in the library."""

    #: Show what lies at this path in the library.
    show_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Nothing was compared yet."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Duplicates"))
        self.resize(660, 400)
        self._note = theme.Note(parent=self)
        self._items = QStandardItemModel(0, 3, self)
        self._items.setHorizontalHeaderLabels([self.tr("Name"), self.tr("Size"), self.tr("Folder")])
        self._view = QTreeView()
        self._view.setModel(self._items)
        self._view.setUniformRowHeights(True)
        set_rows(self._view)
        self._view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._view.setAccessibleName(self.tr("What is there more than once"))
        self._view.header().resizeSection(0, 260)
        self._buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Close)
        self._show = self._buttons.addButton(self.tr("Show in the library"), QDialogButtonBox.ButtonRole.ActionRole)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        for widget in (self._note, self._view, self._buttons):
            layout.addWidget(widget)
        self._show.clicked.connect(self._on_show)
        self._view.activated.connect(self._on_activated)
        self._view.selectionModel().selectionChanged.connect(self._show_button)
        self._buttons.rejected.connect(self.reject)

    def show_duplicates(self, found: Sequence[Sequence[Item]]) -> None:
        """Open with what was found."""
        self._items.setRowCount(0)
        spare = sum(same[0].size * (len(same) - 1) for same in found)
        for same in found:
            head = QStandardItem(self.tr("{count} times the same").format(count=len(same)))
            head.setFlags(Qt.ItemFlag.ItemIsEnabled)
            for item in same:
                texts = (item.name, size_in_words(item.size), item.path)
                cells = [QStandardItem(" ".join(text.split())) for text in texts]
                for cell in cells:
                    cell.setData(item.path, PATH_ROLE)
                    cell.setToolTip(theme.as_tooltip(item.path))
                head.appendRow(cells)
            self._items.appendRow(head)
        words = self.tr("{size} are there more than once. Show one in the library to delete it there.")
        nothing = self.tr("Nothing is there more than once.")
        self._note.say(words.format(size=size_in_words(spare)) if found else nothing)
        self._view.expandAll()
        if found:
            self._view.setCurrentIndex(self._items.index(0, 0, self._items.index(0, 0)))
        self._show_button()
        self.show()
        self.raise_()
        self.activateWindow()
        self._view.setFocus()

    def _path(self) -> str:
        index = self._view.currentIndex()
        return str(index.data(PATH_ROLE) or "") if index.isValid() else ""

    def _show_button(self) -> None:
        self._show.setEnabled(bool(self._path()))

    def _on_activated(self, _: QModelIndex) -> None:
        self._on_show()

    def _on_show(self) -> None:
        if path := self._path():
            self.show_wanted.emit(path)
