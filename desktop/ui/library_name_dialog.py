"""Asks for another name of a model or an adapter; says at once where a name can't be taken."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from desktop.library.recipes import RecipeError, checked_name
from desktop.library.shelf.items import Item
from desktop.session.shelf_plans import ShelfLook

from . import theme


class LibraryNameDialog(QDialog):
    """Not modal. What names it elsewhere is told, and what is in use can't be renamed."""

    #: Give what lies at this path this name.
    name_chosen = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """About nothing yet."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Rename"))
        self.setMinimumWidth(460)
        self._item: Item | None = None
        self._before = ""
        self._refusal = ""
        self._lead = theme.Note(parent=self)
        self._name = QLineEdit()
        label = QLabel(self.tr("&Name"))
        label.setBuddy(self._name)
        self._name.setAccessibleName(self.tr("Name"))
        self._note = theme.Note(parent=self)
        self._told = theme.Note(parent=self)
        self._buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Cancel)
        self._rename = self._buttons.addButton(self.tr("Rename"), QDialogButtonBox.ButtonRole.AcceptRole)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        for widget in (self._lead, label, self._name, self._note, self._told):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self._buttons)
        self._rename.setDefault(True)
        self._name.textChanged.connect(self._judge)
        self._buttons.accepted.connect(self._on_accepted)
        self._buttons.rejected.connect(self.reject)

    def ask(self, item: Item) -> None:
        """Open with the present name, all of it selected."""
        self._item, self._refusal = item, ""
        self._before = item.name.rpartition("/")[2]
        self._name.setText(self._before)
        self._told.say("")
        away = self.tr("The checkpoint leaves its training, {run}, and becomes an adapter of its own under this name.")
        self._lead.say(away.format(run=item.run) if item.run else "")
        self._judge()
        self.show()
        self.raise_()
        self.activateWindow()
        theme.fit_height(self)
        self._name.selectAll()
        self._name.setFocus()

    def take(self, look: ShelfLook) -> None:
        """What names it was found."""
        if self._item is not None and look.path == self._item.path and self.isVisible():
            self._refusal = look.refusal
            self._told.say(look.refusal or "\n".join(look.told), error=bool(look.refusal))
            self._judge()

    def _judge(self) -> None:
        problem = ""
        try:
            checked_name(self._name.text(), of="folder")
        except RecipeError as error:
            problem = str(error)
        self._note.say(problem if self._name.text() else "", error=True)
        self._rename.setEnabled(not problem and not self._refusal and self._name.text() != self._before)
        theme.fit_height(self, shrink=False)

    def _on_accepted(self) -> None:
        if self._item is not None:
            self.name_chosen.emit(self._item.path, self._name.text())
        self.accept()
