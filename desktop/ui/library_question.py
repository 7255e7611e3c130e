"""Asks before something is deleted: what it is, what depends on it, where it goes."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from desktop.library.sizes import size_in_words
from desktop.session.shelf_plans import ShelfLook

from . import theme
from .fact_rows import Wrapped


class LibraryQuestion(QDialog):
    """Not modal. What is in use can't be deleted, and the reason stands there."""

    #: Delete what lies at this path.
    confirmed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """About nothing yet."""
        super().__init__(parent)
        self._path = ""
        self.setWindowTitle(self.tr("Delete"))
        self.setMinimumWidth(460)
        self._name = Wrapped(self)
        font = self._name.font()
        font.setBold(True)
        self._name.setFont(font)
        self._told = theme.Note(parent=self)
        self._after = theme.Note(parent=self)
        self._buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Cancel)
        self._delete = self._buttons.addButton(self.tr("Move to trash"), QDialogButtonBox.ButtonRole.AcceptRole)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.MARGIN)
        for widget in (self._name, self._told, self._after):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self._buttons)
        self._buttons.accepted.connect(self._on_accepted)
        self._buttons.rejected.connect(self.reject)

    def ask(self, path: str, name: str) -> None:
        """Open for what lies at a path; what depends on it is still looked for."""
        self._path = path
        self._name.say(name)
        self._told.say(self.tr("Looking for what depends on it"))
        self._after.say("")
        self._delete.setEnabled(False)
        self.show()
        self.raise_()
        self.activateWindow()
        self._buttons.button(QDialogButtonBox.StandardButton.Cancel).setFocus()
        theme.fit_height(self)

    def take(self, look: ShelfLook) -> None:
        """What depends on it was found."""
        if look.path != self._path or not self.isVisible():
            return
        self._delete.setEnabled(not look.refusal)
        if look.refusal:
            self._told.say(look.refusal, error=True)
            self._after.say("")
        else:
            self._told.say("\n".join(look.told) or self.tr("Nothing else is known to depend on it."))
            words = self.tr("{size} go to the trash of the program's folder, and come back from there with Undo.")
            self._after.say(words.format(size=size_in_words(look.size)))
            self._delete.setDefault(True)
            self._delete.setFocus()
        theme.fit_height(self)

    def _on_accepted(self) -> None:
        self.confirmed.emit(self._path)
        self.accept()
