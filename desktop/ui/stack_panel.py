"""The adapter stack: always in sight, never behind a mode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QPushButton, QScrollArea, QVBoxLayout, QWidget

from desktop.api import Lora
from desktop.library.fit import Fit
from desktop.library.names import make_row_id
from desktop.session.plans import StackReport

from . import theme
from .icons import Icons
from .stack_row import StackRow


class StackPanel(QWidget):
    """Holds the rows as the user wants them; the session makes them true."""

    #: The stack as the user wants it: tuple of Lora.
    stack_edited = Signal(object)
    #: Choose an adapter of the library.
    library_requested = Signal()
    #: Choose an adapter's folder on the disk.
    folder_requested = Signal()
    #: A row was selected: its Lora, or None where there is no row any more.
    row_selected = Signal(object)
    #: The verdict about an adapter is wanted: its path.
    fit_wanted = Signal(str)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._icons = icons
        self._widgets: dict[str, StackRow] = {}
        self._order: list[str] = []
        self._selected = ""
        self._report = StackReport(rows=())
        self._add = QPushButton(self.tr("Add"))
        self._add.setToolTip(self.tr("Put an adapter on the stack (Ctrl+L)"))
        icons.put(self._add, "mdi6.plus")
        menu = QMenu(self._add)
        self._library_action = menu.addAction(self.tr("From the &library..."))
        self._folder_action = menu.addAction(self.tr("From a &folder..."))
        self._add.setMenu(menu)
        self._empty = theme.Note(self.tr("No adapters yet. Press Add, or drop an adapter's folder here."), self)
        self._build()
        self._library_action.triggered.connect(self.library_requested)
        self._folder_action.triggered.connect(self.folder_requested)

    def rows(self) -> tuple[Lora, ...]:
        """The stack as the user wants it."""
        return tuple(self._widgets[row_id].row for row_id in self._order)

    def show_rows(self, rows: Sequence[Lora]) -> None:
        """Show another stack, without telling that it changed."""
        for row_id in list(self._order):
            self._drop(row_id)
        for row in rows:
            self._insert(row)
        self._show_places()

    def add(self, path: str, name: str = "") -> None:
        """Put an adapter at the end of the stack, with weight 1."""
        row_id = make_row_id(Path(path), self._order)
        self._insert(Lora(id=row_id, name=name or Path(path).name, path=path))
        self._show_places()
        self._select(row_id)
        self.fit_wanted.emit(path)
        self.stack_edited.emit(self.rows())

    def show_report(self, report: StackReport) -> None:
        """A change was made, or was refused for some rows."""
        self._report = report
        receipts = {receipt.id: receipt for receipt in report.receipts}
        for row_id, widget in self._widgets.items():
            if row_id in report.problems:
                widget.show_problem(report.problems[row_id])
            elif row_id in receipts:
                widget.show_receipt(receipts[row_id])
        self.row_selected.emit(self._selected_row())

    def report(self) -> StackReport:
        """What was last told of the engine's own stack."""
        return self._report

    def show_fit(self, adapter: str, _: str, fit: Fit) -> None:
        """The verdict about an adapter came; a row that is attached has something better to show."""
        attached = {row.id for row in self._report.rows} | set(self._report.problems)
        for widget in self._widgets.values():
            if widget.row.path == adapter and widget.row.id not in attached:
                widget.show_fit(fit)

    def show_unloaded(self) -> None:
        """No model is loaded: receipts mean nothing any more."""
        self._report = StackReport(rows=())
        for widget in self._widgets.values():
            widget.show_waiting()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.GAP, 0, 0)
        layout.setSpacing(theme.GRID)
        top = QHBoxLayout()
        top.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 0)
        top.addWidget(theme.heading(self.tr("Adapters")))
        top.addStretch(1)
        top.addWidget(self._add)
        layout.addLayout(top)
        inside = QWidget()
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(theme.GAP, 0, theme.GAP, theme.GAP)
        self._list.setSpacing(theme.GRID)
        self._list.addWidget(self._empty)
        self._list.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.tr("The adapter stack"))
        layout.addWidget(scroll, 1)
        self._scroll = scroll

    def _insert(self, row: Lora) -> None:
        widget = StackRow(row, self._icons)
        widget.row_changed.connect(self._on_row_changed)
        widget.removal_requested.connect(self._on_removal_requested)
        widget.move_requested.connect(self._on_move_requested)
        widget.row_selected.connect(self._select)
        self._list.insertWidget(self._list.count() - 1, widget)
        self._widgets[row.id] = widget
        self._order.append(row.id)
        self._empty.hide()

    def _drop(self, row_id: str) -> None:
        widget = self._widgets.pop(row_id)
        self._order.remove(row_id)
        self._list.removeWidget(widget)
        widget.hide()
        widget.deleteLater()
        self._empty.setVisible(not self._order)

    def _show_places(self) -> None:
        for place, row_id in enumerate(self._order):
            self._widgets[row_id].set_place(place == 0, place == len(self._order) - 1)

    def _selected_row(self) -> Lora | None:
        widget = self._widgets.get(self._selected)
        return widget.row if widget else None

    def _select(self, row_id: str) -> None:
        self._selected = row_id
        for other, widget in self._widgets.items():
            widget.set_selected(other == row_id)
        self.row_selected.emit(self._selected_row())

    def _on_row_changed(self, _: Lora) -> None:
        self.stack_edited.emit(self.rows())

    def _on_removal_requested(self, row_id: str) -> None:
        place = self._order.index(row_id)
        self._drop(row_id)
        self._show_places()
        following = self._order[place : place + 1] or self._order[-1:]
        self._select(following[0] if following else "")
        if not following:
            self._add.setFocus()
        self.stack_edited.emit(self.rows())

    def _on_move_requested(self, row_id: str, step: int) -> None:
        place = self._order.index(row_id) + step
        if not 0 <= place < len(self._order):
            return
        widget = self._widgets[row_id]
        self._order.remove(row_id)
        self._order.insert(place, row_id)
        self._list.removeWidget(widget)
        # The sentence for the empty stack stands first.
        self._list.insertWidget(place + 1, widget)
        self._show_places()
        self.stack_edited.emit(self.rows())

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room for two rows and their notes."""
        return QSize(300, 240)
