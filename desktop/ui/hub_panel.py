"""Searches the hub: words, a kind, only what fits the loaded base; and the way to download what was found."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desktop.library.hub.events import Hit

from . import theme
from .hub_table import COLUMNS, HIT_ROLE, HubTable
from .icons import Icons
from .lists import set_rows
from .tick_box import TickBox


class HubPanel(QWidget):
    """Asks only when the user says so."""

    #: Ask the hub: the words, the kind, whether only what fits the loaded base.
    search_wanted = Signal(str, str, bool)
    #: Nobody waits for the answer any more.
    stop_wanted = Signal()
    #: Download this: its name.
    download_wanted = Signal(str)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Nothing was asked."""
        super().__init__(parent)
        self._icons = icons
        self._busy = False
        self._words = QLineEdit()
        self._words.setPlaceholderText(self.tr("Words of the name; leave it empty for the most downloaded"))
        self._words.setClearButtonEnabled(True)
        self._words.setAccessibleName(self.tr("Search the hub for"))
        self._kind = QComboBox()
        self._kind.setAccessibleName(self.tr("What to search for"))
        titles = (("adapter", self.tr("Adapters")), ("model", self.tr("Models")), ("", self.tr("Both")))
        for name, title in titles:
            self._kind.addItem(title, name)
        self._fitting = TickBox(self.tr("Fits this &base"))
        self._search = QPushButton(self.tr("Search"))
        icons.put(self._search, "mdi6.magnify")
        self._table = HubTable(self)
        self._view = self._make_view()
        self._busy_bar = QProgressBar()
        self._busy_bar.setRange(0, 0)
        self._busy_bar.setTextVisible(False)
        self._busy_bar.setFixedHeight(theme.GRID)
        self._busy_bar.setAccessibleName(self.tr("Searching"))
        self._note = theme.Note(parent=self)
        self._empty = theme.Note(parent=self)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._download = QPushButton(self.tr("Download the chosen one"))
        icons.put(self._download, "mdi6.download")
        self._build()
        self._connect_signals()
        self.show_base("")
        self._show_state()
        self._say(self.tr("The hub is asked when you press Search, and only then."))

    def show_base(self, name: str) -> None:
        """The base that is loaded; empty without one."""
        self._fitting.setEnabled(bool(name))
        self._fitting.setChecked(bool(name))
        self._fitting.setToolTip(
            self.tr("Only adapters made for {name}, each held against its shapes.").format(name=name)
            if name
            else self.tr("Load a base model first.")
        )

    @Slot(object)
    def show_hits(self, hits: Sequence[Hit]) -> None:
        """The search ended."""
        self._busy = False
        self._table.show_hits(hits)
        if hits:
            self._view.selectRow(0)
            self._say(self.tr("{count:,} found, the most downloaded first.").format(count=len(hits)))
        else:
            self._say(self.tr("Nothing was found. Try fewer words, another kind, or without the loaded base."))
        self._show_state()

    @Slot(str)
    def show_failure(self, sentence: str) -> None:
        """The hub could not be asked."""
        self._busy = False
        self._say(sentence, error=True)
        self._show_state()

    @Slot(str)
    def show_wait(self, sentence: str) -> None:
        """The search goes on; why it takes longer."""
        self._say(sentence)

    def _say(self, sentence: str, *, error: bool = False) -> None:
        """Below what was found, or in its place where there is nothing."""
        found = self._table.rowCount() > 0
        self._note.say(sentence if found else "", error=error)
        self._empty.say("" if found else sentence, error=error)
        for widget in (self._view, self._download):
            widget.setVisible(found)

    def _make_view(self) -> QTableView:
        view = QTableView()
        view.setModel(self._table)
        view.setShowGrid(False)
        view.setWordWrap(False)
        view.setTabKeyNavigation(False)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        view.setAccessibleName(self.tr("What the hub has"))
        view.setFont(theme.tabular(view.font()))
        set_rows(view)
        columns = view.horizontalHeader()
        columns.setStretchLastSection(True)
        widths = {"repo": 240, "kind": 112, "verdict": 84, "size": 72, "downloads": 84, "licence": 84, "base": 170}
        for column, name in enumerate(COLUMNS):
            columns.resizeSection(column, widths[name])
        return view

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._words, 1)
        for widget in (self._kind, self._fitting, self._search):
            row.addWidget(widget)
        below = QHBoxLayout()
        below.addWidget(self._note, 1)
        below.addWidget(self._download)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.GAP, 0, 0)
        layout.setSpacing(theme.GRID)
        layout.addLayout(row)
        layout.addWidget(self._busy_bar)
        layout.addWidget(self._empty, 1)
        layout.addWidget(self._view, 1)
        layout.addLayout(below)

    def _connect_signals(self) -> None:
        self._words.returnPressed.connect(self._on_search)
        self._search.clicked.connect(self._on_search_clicked)
        self._kind.currentIndexChanged.connect(self._on_kind_changed)
        self._view.selectionModel().selectionChanged.connect(self._show_state)
        self._view.activated.connect(self._on_activated)
        self._download.clicked.connect(self._on_download)

    def _chosen(self) -> Hit | None:
        rows = self._view.selectionModel().selectedRows(0)
        hit: Hit | None = rows[0].data(HIT_ROLE) if rows else None
        return hit

    def _show_state(self) -> None:
        policy = self._busy_bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._busy_bar.setSizePolicy(policy)
        self._busy_bar.setVisible(self._busy)
        self._search.setText(self.tr("Stop") if self._busy else self.tr("Search"))
        self._icons.put(self._search, "mdi6.stop" if self._busy else "mdi6.magnify")
        self._download.setEnabled(self._chosen() is not None)

    def _on_kind_changed(self) -> None:
        self._view.setColumnHidden(COLUMNS.index("base"), self._kind.currentData() == "model")

    def _on_search(self) -> None:
        self._busy = True
        fitting = self._fitting.isEnabled() and self._fitting.isChecked()
        self._view.setColumnHidden(COLUMNS.index("verdict"), not fitting)
        self._table.show_hits(())
        self._say(self.tr("Asking the hub"))
        self._show_state()
        self.search_wanted.emit(self._words.text().strip(), self._kind.currentData(), fitting)

    def _on_search_clicked(self) -> None:
        if not self._busy:
            self._on_search()
            return
        self._busy = False
        self._say(self.tr("Stopped."))
        self._show_state()
        self.stop_wanted.emit()

    def _on_activated(self, _: QModelIndex) -> None:
        self._on_download()

    def _on_download(self) -> None:
        if (hit := self._chosen()) is not None:
            self.download_wanted.emit(hit.repo)
