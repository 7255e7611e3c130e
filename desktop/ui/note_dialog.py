"""What the user writes down about an adapter: a trigger text, the weight it starts with, notes."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from desktop.api import Lora
from desktop.library.adapter_notes import AdapterNote

from . import theme
from .prompt_edit import PromptEdit
from .tick_box import TickBox
from .weight_box import WeightBox

LONGEST_TRIGGER = 1000
"""Characters; a trigger is a few words."""


class NoteDialog(QDialog):
    """Not modal; nothing is kept before Save."""

    #: What is to be kept about an adapter: its path, AdapterNote.
    note_edited = Signal(str, object)

    def __init__(self, parent: QWidget) -> None:
        """About nothing yet."""
        super().__init__(parent)
        self._path = ""
        self.resize(460, 360)
        self._name = theme.Elided()
        font = self._name.font()
        font.setBold(True)
        self._name.setFont(font)
        self._trigger = QLineEdit()
        self._trigger.setMaxLength(LONGEST_TRIGGER)
        self._trigger.setPlaceholderText(self.tr("Words it was trained to listen to, if there are any"))
        self._own = TickBox(self.tr("Starts at its own &weight"))
        self._own.setToolTip(self.tr("The weight it has when it is added; otherwise 1."))
        self._weight = WeightBox()
        self._weight.setAccessibleName(self.tr("The weight it starts with"))
        self._notes = PromptEdit()
        self._notes.setTabChangesFocus(True)
        self._buttons = theme.standard_buttons(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self._build()
        self._own.toggled.connect(self._weight.setEnabled)
        self._buttons.accepted.connect(self._on_save)
        self._buttons.rejected.connect(self.reject)

    def open_for(self, row: Lora, about: AdapterNote) -> None:
        """Show what is kept about a row's adapter, with the keyboard on the trigger text."""
        self._path = row.path
        self.setWindowTitle(self.tr("Notes and trigger"))
        self._name.say(row.name)
        self._trigger.setText(about.trigger)
        self._own.setChecked(about.weight is not None)
        self._weight.setEnabled(about.weight is not None)
        self._weight.setValue(row.weight if about.weight is None else about.weight)
        self._notes.show_text(about.notes)
        self.show()
        self.raise_()
        self.activateWindow()
        self._trigger.setFocus()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self._name)
        layout.addSpacing(theme.GRID)
        layout.addWidget(self._label(self.tr("&Trigger text"), self._trigger))
        layout.addWidget(self._trigger)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._own)
        row.addWidget(self._weight)
        row.addStretch(1)
        layout.addLayout(row)
        layout.addWidget(self._label(self.tr("&Notes"), self._notes))
        layout.addWidget(self._notes, 1)
        layout.addWidget(self._buttons)

    def _label(self, text: str, buddy: QWidget) -> QLabel:
        label = QLabel(text)
        label.setBuddy(buddy)
        buddy.setAccessibleName(text.replace("&", ""))
        return label

    def _on_save(self) -> None:
        weight = self._weight.value() if self._own.isChecked() else None
        trigger = self._trigger.text().strip()
        note = AdapterNote(notes=self._notes.text().strip(), weight=weight, trigger=trigger)
        self.note_edited.emit(self._path, note)
        self.accept()
