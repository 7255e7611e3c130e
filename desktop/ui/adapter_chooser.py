"""Chooses adapters of the library: a list that stays quick with a thousand of them, and two filters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desktop.library.adapters import AdapterEntry
from desktop.library.fit import Fit

from . import theme
from .adapter_table import ENTRY_ROLE, FIT_COLUMN, AdapterTable
from .lists import set_rows
from .tick_box import TickBox

MOVES = {Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp}


class AdapterChooser(QDialog):
    """Not modal: the window goes on while it is open."""

    #: An adapter was chosen: AdapterEntry.
    adapter_chosen = Signal(object)
    #: Whether these adapters fit the base is wanted: a tuple of paths.
    fits_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Add an adapter"))
        self.resize(660, 440)
        self._base = ""
        self._filter = QLineEdit()
        self._filter.setPlaceholderText(self.tr("Filter by name, kind or base model"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setAccessibleName(self.tr("Filter"))
        self._fitting = TickBox(self.tr("Fits this &base"))
        self._judged = QLabel()
        self._judged.setFont(theme.tabular(self._judged.font()))
        self._table = AdapterTable(self)
        self._view = self._make_view()
        self._note = theme.Note(parent=self)
        self._buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Close)
        self._add = self._buttons.addButton(self.tr("Add"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._build()
        # Only now: a dialog knows the default among the buttons it holds.
        self._add.setDefault(True)
        self._connect_signals()
        self._on_selection_changed()
        self._outdated = True
        self.show_base("")

    def show_adapters(self, entries: Sequence[AdapterEntry]) -> None:
        """The library was listed."""
        chosen = {entry.path for entry in self._chosen()}
        self._table.show_entries(entries)
        self._choose_first(chosen)
        self._ask_for_fits()

    def show_base(self, path: str) -> None:
        """The base that is loaded, by its path; empty without one: then there is nothing to fit."""
        if path != self._base:
            self._table.forget_fits()
        self._base = path
        self._fitting.setEnabled(bool(path))
        self._fitting.setToolTip(
            self.tr("Hide what does not fit the base that is loaded, by the shapes in its file.")
            if path
            else self.tr("Load a base model first.")
        )
        self._view.setColumnHidden(FIT_COLUMN, not path)
        # Out of sight it can wait: when a model has been loaded, there is enough to paint.
        self._outdated = not self.isVisible()
        if not self._outdated:
            self._show_filtered()

    def show_fits(self, base: str, fits: Mapping[str, Fit]) -> None:
        """Verdicts about some of the adapters came."""
        if base != self._base:
            return
        self._table.show_fits(fits)
        self._show_judged()
        if not self._chosen():
            self._choose_first(())

    def ask(self) -> None:
        """Open with the keyboard on the filter."""
        if self._outdated:
            self._outdated = False
            self._show_filtered()
        self.show()
        self.raise_()
        self.activateWindow()
        self._filter.selectAll()
        self._filter.setFocus()
        self._ask_for_fits()

    def _make_view(self) -> QTableView:
        # Not a tree: at every change that one asks the table about each of its rows.
        view = QTableView()
        view.setModel(self._table)
        view.setShowGrid(False)
        view.setWordWrap(False)
        view.setTabKeyNavigation(False)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setAccessibleName(self.tr("Adapters of the library"))
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        set_rows(view)
        columns = view.horizontalHeader()
        columns.setStretchLastSection(True)
        for column, width in enumerate((232, 88, 72, 136)):
            columns.resizeSection(column, width)
        return view

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._fitting)
        row.addWidget(self._judged, 1)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self._filter)
        layout.addLayout(row)
        for widget in (self._view, self._note, self._buttons):
            layout.addWidget(widget)

    def _connect_signals(self) -> None:
        self._filter.textChanged.connect(self._on_filter_changed)
        self._fitting.toggled.connect(self._on_fitting_toggled)
        self._view.activated.connect(self._on_activated)
        self._view.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self._buttons.accepted.connect(self._on_add)
        self._buttons.rejected.connect(self.reject)

    def _chosen(self) -> list[AdapterEntry]:
        return [index.data(ENTRY_ROLE) for index in self._view.selectionModel().selectedRows(0)]

    def _only_fitting(self) -> bool:
        return bool(self._base) and self._fitting.isChecked()

    def _ask_for_fits(self) -> None:
        """Only when they are to be seen: a thousand headers are read for it."""
        if self._only_fitting() and self.isVisible() and (paths := self._table.unjudged()):
            self.fits_wanted.emit(paths)
        self._show_judged()

    def _show_filtered(self) -> None:
        chosen = {entry.path for entry in self._chosen()}
        self._table.show_only(self._filter.text(), fitting=self._only_fitting())
        self._choose_first(chosen)
        self._ask_for_fits()

    def _show_judged(self) -> None:
        left = len(self._table.unjudged())
        words = self.tr("{count:,} still to be compared").format(count=left) if self._only_fitting() and left else ""
        self._judged.setText(words)

    def _choose_first(self, wanted: Collection[str]) -> None:
        """Select the first of those wanted that can be used, else the first that can."""
        row = self._table.first_usable(wanted)
        if row >= 0:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self._view.selectionModel().setCurrentIndex(self._table.index(row, 0), flags)
        # A table that is filled anew drops the selection without a signal.
        self._on_selection_changed()

    def _why_none(self) -> str:
        """Why nothing can be chosen, where the list does not say it by itself."""
        if self._table.is_empty():
            return self.tr("The library holds no adapters yet. Put one into its folder `loras`, or drop one here.")
        if shown := self._table.entries():
            return f"{shown[0].name}: {shown[0].problem}" if shown[0].problem else ""
        if self._only_fitting() and not self._table.unjudged() and not self._filter.text():
            return self.tr("No adapter of the library fits this base.")
        return ""

    def _on_filter_changed(self) -> None:
        self._table.show_only(self._filter.text(), fitting=self._only_fitting())
        self._choose_first(())

    def _on_fitting_toggled(self) -> None:
        self._show_filtered()

    def _on_selection_changed(self) -> None:
        chosen = self._chosen()
        self._add.setEnabled(bool(chosen))
        if chosen:
            self._note.say(chosen[0].path if len(chosen) == 1 else "")
        else:
            self._note.say(self._why_none(), error=bool(self._table.entries()))

    def _on_activated(self, _: QModelIndex) -> None:
        self._on_add()

    def _on_add(self) -> None:
        for entry in self._chosen():
            self.adapter_chosen.emit(entry)
        self.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Up and down move in the list while the keyboard is on the filter."""
        if event.key() in MOVES and self._filter.hasFocus():
            self._view.setFocus()
            self._view.keyPressEvent(event)
            return
        super().keyPressEvent(event)
