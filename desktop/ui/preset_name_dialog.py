"""Asks for the name of a preset; says at once where a name can't be taken or another preset is replaced."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from desktop.library.presets import NAMES
from desktop.library.prompt_files import PromptFileError, safe_name

from . import theme


class PresetNameDialog(QDialog):
    """Not modal."""

    #: Save it under this name.
    name_chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        """No name yet."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Save a preset"))
        self.resize(420, 150)
        self._taken: set[str] = set()
        self._name = QLineEdit()
        label = QLabel(self.tr("Name"))
        label.setBuddy(self._name)
        what = theme.Note(parent=self)
        what.say(self.tr("The sampling settings that differ from their defaults are kept."))
        self._note = theme.Note(parent=self)
        self._buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Cancel)
        self._save = self._buttons.addButton(self.tr("Save"), QDialogButtonBox.ButtonRole.AcceptRole)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        for widget in (what, label, self._name, self._note):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self._buttons)
        self._save.setDefault(True)
        self._name.textChanged.connect(self._judge)
        self._buttons.accepted.connect(self._on_save)
        self._buttons.rejected.connect(self.reject)
        self._judge()

    def ask(self) -> None:
        """Open without a name."""
        self._name.clear()
        self.show()
        self.raise_()
        self.activateWindow()
        theme.fit_height(self)
        self._name.setFocus()

    def know_taken(self, names: Collection[str]) -> None:
        """The user's presets that are there."""
        self._taken = set(names)
        self._judge()

    def _judge(self) -> None:
        name, problem = self._name.text(), ""
        replaces = name.strip() in self._taken
        try:
            safe_name(name, NAMES)
        except PromptFileError as error:
            problem = str(error)
        words = self.tr("The preset of that name will be replaced.") if replaces else ""
        self._note.say((problem or words) if name else "", error=bool(problem))
        self._save.setText(self.tr("Replace") if replaces else self.tr("Save"))
        self._save.setEnabled(not problem)
        theme.fit_height(self, shrink=False)

    def _on_save(self) -> None:
        self.name_chosen.emit(safe_name(self._name.text(), NAMES))
        self.accept()
