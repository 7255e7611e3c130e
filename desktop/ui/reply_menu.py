"""What can be done with a reply: save its recipe, copy it, make the reply again."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Signal, Slot
from PySide6.QtWidgets import QMenu, QWidget

from desktop.session.plans import State


class ReplyMenu(QMenu):
    """One for all replies; it knows which one it was opened for."""

    #: Save the recipe of this reply: its id.
    save_requested = Signal(str)
    #: Copy the recipe of this reply: its id.
    copy_requested = Signal(str)
    #: Make this reply again: its id.
    reproduce_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Closed."""
        super().__init__(parent)
        self.setAccessibleName(self.tr("Reply"))
        self.setToolTipsVisible(True)
        self._reply = ""
        self._save = self.addAction(self.tr("&Save recipe..."))
        self._save.setToolTip(self.tr("The recipe holds the stack, the sampling, the prompt and the reply's tokens."))
        self._copy = self.addAction(self.tr("&Copy recipe"))
        self._reproduce = self.addAction(self.tr("&Reproduce"))
        self._reproduce.setToolTip(self.tr("Answer again with the same stack and seed, and compare the tokens."))
        self.recipe_actions = (self._save, self._copy, self._reproduce)
        self._save.triggered.connect(self._on_save)
        self._copy.triggered.connect(self._on_copy)
        self._reproduce.triggered.connect(self._on_reproduce)
        self.show_state(State.EMPTY)

    @Slot(str, QPoint)
    def open_for(self, reply_id: str, place: QPoint) -> None:
        """Open for a reply at a place on the screen."""
        self._reply = reply_id
        self.popup(place)

    def show_state(self, state: State) -> None:
        """Offer what can be done now."""
        self._reproduce.setEnabled(state is State.READY)

    def _on_save(self) -> None:
        self.save_requested.emit(self._reply)

    def _on_copy(self) -> None:
        self.copy_requested.emit(self._reply)

    def _on_reproduce(self) -> None:
        self.reproduce_requested.emit(self._reply)
