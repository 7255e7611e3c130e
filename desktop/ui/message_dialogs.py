"""The two dialogs about a message: edit it, and keep a reply as an example of a training set."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from . import theme
from .prompt_edit import PromptEdit


class _TextDialog(QDialog):
    """A text and buttons; not modal."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.resize(560, 380)
        self._turn = ""
        self._edit = PromptEdit()
        self._edit.setTabChangesFocus(True)
        self._edit.setAccessibleName(self.tr("Text of the message"))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
        self._column.setSpacing(theme.GAP)
        self._column.addWidget(self._edit, 1)
        self._buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Cancel)
        self._buttons.rejected.connect(self.reject)
        self._edit.textChanged.connect(self._show_buttons)

    def open_for(self, turn_id: str, text: str) -> None:
        """Show a message's text."""
        self._turn = turn_id
        self._edit.show_text(text)
        self._show_buttons()
        self.show()
        self.raise_()
        self.activateWindow()
        self._edit.setFocus()

    def _add_button(self, text: str, role: QDialogButtonBox.ButtonRole) -> QPushButton:
        button = QPushButton(text)
        self._buttons.addButton(button, role)
        return button

    def _show_buttons(self) -> None:
        raise NotImplementedError


class EditDialog(_TextDialog):
    """Another version of a message."""

    #: The message's id, the new text, and whether it is to be answered at once.
    edited = Signal(str, str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Closed."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Edit message"))
        words = self.tr("The message as it is stays, as another version, with all that followed it.")
        self._column.insertWidget(0, theme.Note(words))
        self._answer = self._add_button(self.tr("Save and answer"), QDialogButtonBox.ButtonRole.ActionRole)
        self._save = self._add_button(self.tr("Save"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._column.addWidget(self._buttons)
        self._old = ""
        self._may_answer = False
        self._answer.clicked.connect(self._on_answer)
        self._save.clicked.connect(self._on_save)

    def edit(self, turn_id: str, text: str, *, may_answer: bool) -> None:
        """Open for a message; one of the user's may be answered at once."""
        self._old, self._may_answer = text, may_answer
        self._answer.setVisible(may_answer)
        (self._answer if may_answer else self._save).setDefault(True)
        self.open_for(turn_id, text)

    def _show_buttons(self) -> None:
        text = self._edit.text()
        self._save.setEnabled(bool(text.strip()) and text != self._old)
        self._answer.setEnabled(bool(text.strip()))

    def _on_save(self) -> None:
        self._end(False)

    def _on_answer(self) -> None:
        self._end(True)

    def _end(self, answer: bool) -> None:
        self.accept()
        self.edited.emit(self._turn, self._edit.text(), answer)


class KeepDialog(_TextDialog):
    """A reply, corrected by the user, for a set of examples."""

    #: Keep it: the message's id, the corrected text, and the name of the set.
    kept = Signal(str, str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Closed."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keep as example"))
        words = self.tr(
            "Correct the reply to what the model should have said. It is kept with all messages before it, as a row "
            "of a training set in the folder datasets."
        )
        self._column.insertWidget(0, theme.Note(words))
        self._set = QComboBox()
        self._set.setEditable(True)
        self._set.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._set.setAccessibleName(self.tr("Set of examples"))
        self._set.setPlaceholderText(self.tr("Choose a set, or name a new one"))
        self._keep = self._add_button(self.tr("Keep"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._column.addWidget(QLabel(self.tr("Set of examples")))
        self._column.addWidget(self._set)
        self._column.addWidget(self._buttons)
        self._set.editTextChanged.connect(self._show_buttons)
        self._keep.clicked.connect(self._on_keep)

    def show_sets(self, names: Sequence[str]) -> None:
        """The sets there are; what was typed stays."""
        typed = self._set.currentText()
        self._set.clear()
        self._set.addItems(list(names))
        self._set.setEditText(typed or (names[0] if names else ""))

    def _show_buttons(self) -> None:
        self._keep.setEnabled(bool(self._edit.text().strip()) and bool(self._set.currentText().strip()))

    def _on_keep(self) -> None:
        self.accept()
        self.kept.emit(self._turn, self._edit.text(), self._set.currentText())
