"""What can be done with a row beyond what it shows. One menu serves all of them, made when it is first wanted."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QMenu, QWidget

from desktop.api import Lora
from desktop.library.adapter_notes import AdapterNote


class RowMenu(QMenu):
    """Speaks of the row it was opened for last."""

    #: Move it: its id and -1 (up) or 1 (down).
    move_requested = Signal(str, int)
    #: Write something down about it: its id.
    note_requested = Signal(str)
    #: The weight it has is the one it starts with from now on: its id.
    weight_kept = Signal(str)
    #: Put its trigger text into the prompt: its id.
    trigger_requested = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        """For no row yet."""
        super().__init__(parent)
        self._row_id = ""
        # The keys are the panel's; here they are only told.
        self._up = self.addAction(self.tr("Move &up\tAlt+Up"))
        self._down = self.addAction(self.tr("Move &down\tAlt+Down"))
        self.addSeparator()
        self._trigger = self.addAction(self.tr("&Insert trigger text"))
        self._keep = self.addAction(self.tr("&Keep this weight as its own"))
        self._note = self.addAction(self.tr("&Notes and trigger..."))
        self._trigger.triggered.connect(self._on_trigger)
        self._keep.triggered.connect(self._on_keep)
        self._note.triggered.connect(self._on_note)
        self._up.triggered.connect(self._on_up)
        self._down.triggered.connect(self._on_down)

    def speak_of(self, row: Lora, about: AdapterNote, *, first: bool, last: bool) -> None:
        """Offer what can be done with this row."""
        self._row_id = row.id
        self._up.setEnabled(not first)
        self._down.setEnabled(not last)
        self._trigger.setEnabled(bool(about.trigger))
        self._keep.setEnabled(row.weight != (1.0 if about.weight is None else about.weight))

    def show_at(self, place: QPoint) -> None:
        """Open it, with the keyboard on what comes first."""
        self.popup(place)
        self.setActiveAction(next(action for action in self.actions() if action.isEnabled()))

    def _on_up(self) -> None:
        self.move_requested.emit(self._row_id, -1)

    def _on_down(self) -> None:
        self.move_requested.emit(self._row_id, 1)

    def _on_note(self) -> None:
        self.note_requested.emit(self._row_id)

    def _on_keep(self) -> None:
        self.weight_kept.emit(self._row_id)

    def _on_trigger(self) -> None:
        self.trigger_requested.emit(self._row_id)
