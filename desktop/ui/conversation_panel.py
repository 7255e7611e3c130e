"""The list of conversations, foldable: search, open, rename, delete."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QLineEdit, QListView, QPushButton, QVBoxLayout, QWidget

from desktop.library.conversations import ConversationEntry

from . import theme
from .lists import set_rows

DELAY = 150
"""Milliseconds without typing after which is searched."""
HEIGHT = 200
Index = QModelIndex | QPersistentModelIndex


class _Model(QAbstractListModel):
    """A thousand conversations cost what ten do."""

    #: Another title was typed: the id and the title.
    renamed = Signal(str, str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.entries: list[ConversationEntry] = []

    def show_entries(self, entries: Sequence[ConversationEntry]) -> None:
        self.beginResetModel()
        self.entries = list(entries)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.EditRole:
            return entry.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return theme.as_tooltip("\n".join(part for part in (entry.title, entry.found) if part))
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        day = entry.changed[:16].replace("T", " ")
        count = self.tr("{count} messages").format(count=entry.messages)
        parts = [entry.title or self.tr("Without a name"), entry.found, count, day]
        return "   ·   ".join(part for part in parts if part)

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        title = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or not title:
            return False
        self.renamed.emit(self.entries[index.row()].id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable


class ConversationPanel(QWidget):
    """Hidden until it is wanted."""

    #: List the conversations with these words.
    search_wanted = Signal(str)
    #: Open this conversation: its id.
    open_requested = Signal(str)
    #: Give it another title: its id and the title.
    rename_requested = Signal(str, str)
    #: Move it to the trash folder: its id.
    delete_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._search = QLineEdit()
        self._search.setAccessibleName(self.tr("Search conversations"))
        self._search.setPlaceholderText(self.tr("Search titles and messages"))
        self._search.setClearButtonEnabled(True)
        self._list = QListView()
        self._list.setAccessibleName(self.tr("Conversations"))
        self._list.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self._list.setUniformItemSizes(True)
        set_rows(self._list)
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._model = _Model(self)
        self._list.setModel(self._model)
        self._none = theme.Note(parent=self)
        self._open = QPushButton(self.tr("Open"))
        self._rename = QPushButton(self.tr("Rename"))
        self._delete = QPushButton(self.tr("Move to trash"))
        self._delete.setToolTip(self.tr("The file is moved to the folder trash, beside the conversations"))
        self._rest = QTimer(self, singleShot=True, interval=DELAY)
        self._build()
        self._connect_signals()
        self._show_buttons()
        self.hide()

    def open_search(self) -> None:
        """The keyboard into the search."""
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def words(self) -> str:
        """What is searched for."""
        return self._search.text()

    def show_entries(self, search: str, entries: Sequence[ConversationEntry]) -> None:
        """The conversations with these words."""
        if search != self._search.text():
            return  # a late answer about older words
        chosen = self._chosen()
        self._model.show_entries(entries)
        rows = [entry.id for entry in entries]
        if rows:
            self._list.setCurrentIndex(self._model.index(rows.index(chosen) if chosen in rows else 0))
        nothing = self.tr("No conversation has these words.") if search else self.tr("No conversation is kept yet.")
        self._none.say("" if rows else nothing)
        self._show_buttons()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Enter opens, Down goes from the search into the list, Delete moves to the trash."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._on_open()
        elif event.key() == Qt.Key.Key_Down and self._search.hasFocus():
            self._list.setFocus()
        elif event.key() == Qt.Key.Key_Delete and self._list.hasFocus():
            self._on_delete()
        else:
            super().keyPressEvent(event)

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GAP, 0, theme.GAP, theme.GAP)
        layout.setSpacing(theme.GRID)
        layout.addWidget(self._search)
        layout.addWidget(self._none)
        layout.addWidget(self._list, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        for button in (self._rename, self._delete, self._open):
            button.setAutoDefault(False)
            row.addWidget(button)
        layout.addLayout(row)
        self.setFixedHeight(HEIGHT)

    def _connect_signals(self) -> None:
        self._search.textChanged.connect(self._on_typed)
        self._rest.timeout.connect(self._on_rest)
        self._list.doubleClicked.connect(self._on_open)
        self._list.selectionModel().currentChanged.connect(self._show_buttons)
        self._open.clicked.connect(self._on_open)
        self._rename.clicked.connect(self._on_rename)
        self._delete.clicked.connect(self._on_delete)
        self._model.renamed.connect(self.rename_requested)

    def _chosen(self) -> str:
        row = self._list.currentIndex().row()
        return self._model.entries[row].id if 0 <= row < len(self._model.entries) else ""

    def _show_buttons(self) -> None:
        for button in (self._open, self._rename, self._delete):
            button.setEnabled(bool(self._chosen()))

    def _on_typed(self) -> None:
        self._rest.start()

    def _on_rest(self) -> None:
        self.search_wanted.emit(self._search.text())

    def _on_open(self) -> None:
        if self._chosen():
            self.open_requested.emit(self._chosen())

    def _on_rename(self) -> None:
        self._list.setFocus()
        self._list.edit(self._list.currentIndex())

    def _on_delete(self) -> None:
        if self._chosen():
            self.delete_requested.emit(self._chosen())
