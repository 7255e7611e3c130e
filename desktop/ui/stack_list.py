"""The rows of the stack, one above the other: their order, dragging them, and rows that are kept ready.

A row takes about 5 ms to make. So rows are made ahead, one at a time while nothing else goes on, and those that were
taken off are used again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QPalette, QShowEvent
from PySide6.QtWidgets import QFrame, QLayout, QScrollArea, QVBoxLayout, QWidget

from desktop.api import Lora
from desktop.library.adapter_notes import AdapterNote

from . import theme
from .icons import Icons
from .stack_row import StackRow

READY = 16
"""Rows that are made ahead, those that are shown among them, and kept for another adapter."""
AHEAD = 400
"""Milliseconds after a change, or the last one, until a row is made ahead."""


class StackList(QScrollArea):
    """Knows the order and the widgets; what the rows mean is the panel's affair."""

    #: A row was changed by the user: its Lora.
    row_changed = Signal(object)
    #: Take a row off: its id.
    removal_requested = Signal(str)
    #: A row is to act alone, or with the others again: its id and which.
    solo_requested = Signal(str, bool)
    #: What else can be done with a row is wanted: its id and where on the screen.
    menu_requested = Signal(str, QPoint)
    #: A row was clicked: its id.
    row_selected = Signal(str)
    #: A row was dropped at another place: its id and the place.
    row_dropped = Signal(str, int)

    def __init__(self, icons: Icons, empty: str, parent: QWidget | None = None) -> None:
        """`empty` is what stands there while there is no row."""
        super().__init__(parent)
        self._icons = icons
        self._rows: dict[str, StackRow] = {}
        self._order: list[str] = []
        self._spares: list[StackRow] = []
        self._inside = QWidget()
        # A row more at the end leaves the others where they are: only what is new is painted.
        self._inside.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self._empty = theme.Note(empty, self._inside)
        self._empty.setContentsMargins(theme.GRID, 0, 0, 0)
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(theme.GAP, 0, theme.GAP, theme.GAP)
        self._column.setSpacing(theme.GRID)
        self._column.addWidget(self._empty)
        self._column.addStretch(1)
        self._mark = QFrame(self._inside)
        self._mark.setAutoFillBackground(True)
        self._mark.setBackgroundRole(QPalette.ColorRole.Highlight)
        self._mark.hide()
        self._target = 0
        """The place the dragged row gets if it is dropped now."""
        self._ahead = QTimer(self, singleShot=True, interval=AHEAD)
        self._ahead.timeout.connect(self._make_ahead)
        self.setWidget(self._inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("The adapter stack"))

    def ids(self) -> list[str]:
        """The rows' ids, in order."""
        return list(self._order)

    def rows(self) -> list[StackRow]:
        """The rows, in order."""
        return [self._rows[row_id] for row_id in self._order]

    def row(self, row_id: str) -> StackRow | None:
        """The row of that id, if it is there."""
        return self._rows.get(row_id)

    def row_of(self, widget: QWidget | None) -> str:
        """The id of the row a widget is in; empty where it is in none."""
        while widget is not None and not isinstance(widget, StackRow):
            widget = widget.parentWidget()
        return widget.row.id if widget is not None and self.row(widget.row.id) is widget else ""

    @contextmanager
    def laid_out_once(self) -> Iterator[None]:
        """Many changes, one layout: Qt lays everything out at once for each widget that is shown or hidden."""
        if not self._column.isEnabled():
            yield
            return
        layouts = [self._column, *(layout for row in self.rows() if (layout := row.layout()) is not None)]
        for layout in layouts:
            layout.setEnabled(False)
        try:
            yield
        finally:
            for layout in layouts:
                layout.setEnabled(True)
            for row in self.rows():
                if (layout := row.layout()) is not None and _height_of(layout, row.width()) != row.height():
                    row.updateGeometry()
            self._make_room()

    def append(self, row: Lora, about: AdapterNote) -> None:
        """Show a row more, at the end."""
        widget = self._spares.pop() if self._spares else self._make()
        widget.show_row(row, about)
        with self.laid_out_once():
            # The sentence for the empty stack stands first.
            self._column.insertWidget(len(self._order) + 1, widget)
            self._rows[row.id] = widget
            self._order.append(row.id)
            self._empty.hide()
            widget.show()
        self._put_in_tab_order(row.id)
        self._ahead.start()

    def drop(self, row_id: str) -> None:
        """Take a row out."""
        widget = self._rows.pop(row_id)
        self._order.remove(row_id)
        with self.laid_out_once():
            self._column.removeWidget(widget)
            widget.rest()
            self._empty.setVisible(not self._order)
        if len(self._spares) < READY:
            self._spares.append(widget)
        else:
            widget.deleteLater()

    def reorder(self, row_id: str, place: int) -> bool:
        """Put a row at another place; whether there is such a place, and it is another."""
        before = self._order.index(row_id)
        if place == before or not 0 <= place < len(self._order):
            return False
        self._order.insert(place, self._order.pop(before))
        widget = self._rows[row_id]
        self._column.removeWidget(widget)
        self._column.insertWidget(place + 1, widget)
        self._put_in_tab_order(row_id)
        self._column.activate()
        self.ensureWidgetVisible(widget)
        return True

    def _make_room(self) -> None:
        # Before Qt does it, which first squeezes every row into the old height.
        width = self._inside.width()
        if (height := _height_of(self._column, width)) > self._inside.height():
            self._inside.resize(width, height)

    def _make(self) -> StackRow:
        row = StackRow(self._icons, self._inside)
        row.row_changed.connect(self.row_changed)
        row.removal_requested.connect(self.removal_requested)
        row.solo_requested.connect(self.solo_requested)
        row.menu_requested.connect(self.menu_requested)
        row.row_selected.connect(self.row_selected)
        row.drag_moved.connect(self._on_drag_moved)
        row.drag_ended.connect(self._on_drag_ended)
        return row

    def _make_ahead(self) -> None:
        if not self._spares or len(self._order) + len(self._spares) < READY:
            self._spares.append(self._make())
            self._ahead.start()

    def _put_in_tab_order(self, row_id: str) -> None:
        place = self._order.index(row_id)
        before = self._rows[self._order[place - 1]].controls()[-1] if place else self
        for control in self._rows[row_id].controls():
            QWidget.setTabOrder(before, control)
            before = control

    def _on_drag_moved(self, row_id: str, at: QPoint) -> None:
        height = self._inside.mapFromGlobal(at).y()
        others = [self._rows[other].geometry() for other in self._order if other != row_id]
        self._target = sum(height > other.center().y() for other in others)
        self._mark.setVisible(self._target != self._order.index(row_id))
        if others:
            below = self._target < len(others)
            edge = others[self._target].top() - theme.GRID if below else others[-1].bottom() + 1
            self._mark.setGeometry(theme.GAP, edge + 1, self._inside.width() - 2 * theme.GAP, 2)
            self._mark.raise_()
        self.ensureVisible(0, height, 0, 6 * theme.GRID)

    def _on_drag_ended(self, row_id: str, dropped: bool) -> None:
        self._mark.hide()
        if dropped and row_id in self._rows:
            self.row_dropped.emit(row_id, self._target)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Soon there will be time to make a row ahead."""
        super().showEvent(event)
        self._ahead.start()


def _height_of(layout: QLayout, width: int) -> int:
    """How high it wants to be at this width."""
    return layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else layout.totalSizeHint().height()
