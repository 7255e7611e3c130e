"""Asks for the name of a recipe; says at once where a name can't be taken."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from desktop.library.recipes import RecipeError, checked_name

from . import theme


class RecipeNameDialog(QDialog):
    """Not modal. A name that is taken is not offered: nothing that was saved is replaced."""

    #: Save it under this name.
    name_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """No name yet."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Save a recipe"))
        self.resize(420, 160)
        self._taken: set[str] = set()
        self._what = theme.Note(parent=self)
        self._name = QLineEdit()
        label = QLabel(self.tr("Name"))
        label.setBuddy(self._name)
        self._note = theme.Note(parent=self)
        self._buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Cancel)
        self._save = self._buttons.addButton(self.tr("Save"), QDialogButtonBox.ButtonRole.AcceptRole)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        for widget in (self._what, label, self._name, self._note):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self._buttons)
        self._save.setDefault(True)
        self._name.textChanged.connect(self._judge)
        self._buttons.accepted.connect(self._on_save)
        self._buttons.rejected.connect(self.reject)
        self._judge()

    def ask(self, what: str) -> None:
        """Open, saying what will be saved."""
        self._what.say(what)
        self._name.clear()
        self.show()
        self.raise_()
        self.activateWindow()
        theme.fit_height(self)
        self._name.setFocus()

    def know_taken(self, names: Collection[str]) -> None:
        """The recipes that are there."""
        self._taken = set(names)
        self._judge()

    def _judge(self) -> None:
        problem = ""
        try:
            name = checked_name(self._name.text())
            if name in self._taken:
                problem = self.tr("There is a recipe of that name already. Choose another.")
        except RecipeError as error:
            problem = str(error)
        self._note.say(problem if self._name.text() else "", error=True)
        self._save.setEnabled(not problem)
        theme.fit_height(self, shrink=False)

    def _on_save(self) -> None:
        self.name_chosen.emit(checked_name(self._name.text()))
        self.accept()
