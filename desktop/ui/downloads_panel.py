"""The list of downloads, and what can be done with the chosen one."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desktop.library.hub.bases import Base
from desktop.library.hub.queue import Entry

from . import theme
from .downloads_table import ENTRY_ROLE, NAME, SPEED, STATE, DownloadsTable
from .icons import Icons
from .notice_bar import NoticeBar
from .share_delegate import HEIGHT, ShareDelegate

TALL = 176
"""Pixels of the list: some downloads and the files that are coming; more are scrolled to."""


class NameDelegate(QStyledItemDelegate):
    """Files lose their end where there is no room: shards of a model differ in the middle of their names."""

    def initStyleOption(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Files are the rows that can't be chosen."""
        super().initStyleOption(option, index)
        if not index.flags() & Qt.ItemFlag.ItemIsSelectable:
            option.textElideMode = Qt.TextElideMode.ElideRight


class DownloadsPanel(QWidget):
    """Hidden while nothing was ever asked for."""

    #: Stop one, go on with one, take one off the list: its id.
    pause_wanted = Signal(int)
    resume_wanted = Signal(int)
    cancel_wanted = Signal(int)
    #: Download this too: its name.
    base_wanted = Signal(str)
    #: Show what has come in the library: its folder.
    show_wanted = Signal(str)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """No download."""
        super().__init__(parent)
        self._chosen = 0
        self._base = ""
        self._table = DownloadsTable(self)
        self._view = self._make_view()
        self._note = theme.Note(parent=self)
        self._offer = NoticeBar(self.tr("The base of what was downloaded"))
        self._pause = QPushButton(self.tr("Pause"))
        self._pause.setToolTip(self.tr("What has come is kept."))
        self._resume = QPushButton(self.tr("Resume"))
        self._cancel = QPushButton(self.tr("Cancel"))
        self._show = QPushButton(self.tr("Show in the library"))
        self._tidy = QPushButton(self.tr("Clear completed"))
        self._tidy.setToolTip(self.tr("Take what is complete off this list; it stays in the library."))
        for button, name in ((self._pause, "pause"), (self._resume, "play"), (self._cancel, "close")):
            icons.put(button, f"mdi6.{name}")
        self._build()
        self._view.selectionModel().currentRowChanged.connect(self._on_current_changed)
        self._table.modelReset.connect(self._on_reset)
        self._pause.clicked.connect(self._on_pause)
        self._resume.clicked.connect(self._on_resume)
        self._cancel.clicked.connect(self._on_cancel)
        self._show.clicked.connect(self._on_show)
        self._tidy.clicked.connect(self._on_tidy)
        self._offer.acted.connect(self._on_offer_taken)
        self.hide()

    @Slot(object)
    def take(self, entry: Entry) -> None:
        """A download is new or has changed."""
        new = self._table.entry(entry.id) is None
        self._table.take(entry)
        if new:
            self._choose(entry.id)
        self._show_buttons()

    @Slot(int)
    def drop(self, number: int) -> None:
        """A download is off the list."""
        self._table.drop(number)
        self._show_buttons()

    @Slot(str, object)
    def offer_base(self, name: str, base: Base) -> None:
        """An adapter has come that was made for this base."""
        if base.here:
            return
        gone = self.tr(" (gone from the hub under that name)") if base.gone else ""
        words = self.tr("{name} was made for {base}{gone}, which is not in the library.")
        self._base = base.sources[0] if base.sources else ""
        action = self.tr("Download {name}").format(name=self._base) if self._base else ""
        self._offer.show_notice(words.format(name=name, base=base.named, gone=gone), action)

    def _make_view(self) -> QTableView:
        view = QTableView()
        view.setModel(self._table)
        view.setItemDelegateForColumn(NAME, NameDelegate(view))
        view.setItemDelegateForColumn(STATE, ShareDelegate(view))
        view.setShowGrid(False)
        view.setWordWrap(False)
        view.setTabKeyNavigation(False)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        view.setAccessibleName(self.tr("Downloads"))
        view.setFont(theme.tabular(view.font()))
        rows, columns = view.verticalHeader(), view.horizontalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(view.fontMetrics().height() + 2 * HEIGHT + theme.GRID)
        columns.setHighlightSections(False)
        columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        columns.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in ((STATE, 144), (STATE + 1, 128), (SPEED, 144)):
            columns.resizeSection(column, width)
        view.setFixedHeight(TALL)
        return view

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(theme.heading(self.tr("Downloads")))
        row.addStretch(1)
        for button in (self._pause, self._resume, self._cancel, self._show, self._tidy):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP)
        layout.addLayout(row)
        for widget in (self._view, self._note, self._offer):
            layout.addWidget(widget)

    def _choose(self, number: int) -> None:
        row = self._table.row_of(number)
        if row >= 0:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self._view.selectionModel().setCurrentIndex(self._table.index(row, 0), flags)

    def _show_buttons(self) -> None:
        entries = self._table.entries()
        self.setVisible(bool(entries))
        entry = self._table.entry(self._chosen)
        state = entry.state if entry else ""
        self._pause.setEnabled(state in ("running", "waiting"))
        self._resume.setEnabled(state in ("paused", "failed"))
        outdated = entry is not None and entry.outdated
        again = self.tr("Update") if outdated else self.tr("Try again")
        self._resume.setText(again if state == "failed" else self.tr("Resume"))
        self._resume.setToolTip(self.tr("The old files stay until the new ones are verified.") if outdated else "")
        self._cancel.setEnabled(entry is not None)
        self._cancel.setText(self.tr("Take off the list") if state == "done" else self.tr("Cancel"))
        self._cancel.setToolTip("" if state == "done" else self.tr("What has come of it is thrown away."))
        self._show.setEnabled(state == "done")
        self._tidy.setEnabled(any(one.state == "done" for one in entries))
        self._note.say(entry.problem if entry else "", error=state == "failed" and not outdated)

    def _on_reset(self) -> None:
        entries = self._table.entries()
        if self._table.entry(self._chosen) is None:
            self._chosen = entries[-1].id if entries else 0
        self._choose(self._chosen)

    def _on_current_changed(self) -> None:
        entry = self._view.currentIndex().data(ENTRY_ROLE) if self._view.currentIndex().isValid() else None
        if entry is not None:
            self._chosen = entry.id
        self._show_buttons()

    def _on_pause(self) -> None:
        self.pause_wanted.emit(self._chosen)

    def _on_resume(self) -> None:
        self.resume_wanted.emit(self._chosen)

    def _on_cancel(self) -> None:
        self.cancel_wanted.emit(self._chosen)

    def _on_show(self) -> None:
        entry = self._table.entry(self._chosen)
        if entry is not None:
            self.show_wanted.emit(entry.folder)

    def _on_tidy(self) -> None:
        for entry in self._table.entries():
            if entry.state == "done":
                self.cancel_wanted.emit(entry.id)

    def _on_offer_taken(self) -> None:
        self.base_wanted.emit(self._base)
