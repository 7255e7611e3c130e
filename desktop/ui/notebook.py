"""The notebook: one text, which the model writes on where it ends; what it wrote is one step of undo."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop.session.plans import State

from . import theme
from .icons import Icons
from .message_parts import broken
from .prompt_edit import PromptEdit


class Notebook(QWidget):
    """Says what the user wants."""

    #: Write on.
    complete_requested = Signal()
    #: End the writing.
    stop_requested = Signal()
    #: The text was edited.
    text_edited = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._icons = icons
        self._state = State.EMPTY
        self._writing = False
        self._edit = PromptEdit()
        self._edit.setAccessibleName(self.tr("Notebook"))
        self._edit.setPlaceholderText(self.tr("Write a beginning. Ctrl+Enter lets the model write on."))
        self._edit.setTabChangesFocus(True)
        self._edit.setFrameShape(PromptEdit.Shape.NoFrame)
        self._edit.document().setDocumentMargin(theme.MARGIN)
        self._note = theme.Elided()
        self._undo = QPushButton(self.tr("Undo"))
        self._undo.setToolTip(self.tr("Take back the last change; what the model wrote is one (Ctrl+Z)"))
        self._complete = QPushButton(self.tr("Complete"))
        icons.put(self._complete, "mdi6.send")
        icons.put(self._undo, "mdi6.undo")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, theme.MARGIN)
        layout.addWidget(self._edit, 1)
        row = QHBoxLayout()
        row.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 0)
        row.addWidget(self._note, 1)
        for button in (self._undo, self._complete):
            button.setAutoDefault(False)
            row.addWidget(button)
        layout.addLayout(row)
        self._edit.textChanged.connect(self._on_text_changed)
        self._edit.undoAvailable.connect(self._undo.setEnabled)
        self._undo.clicked.connect(self._edit.undo)
        self._complete.clicked.connect(self._on_clicked)
        self._undo.setEnabled(False)
        self._show_buttons()

    def text(self) -> str:
        """All of it."""
        return self._edit.text()

    def show_text(self, text: str) -> None:
        """Put a text in the place of what is there."""
        self._edit.show_text(text)

    def show_size(self, points: float) -> None:
        """Another size of the text."""
        font = self._edit.font()
        font.setPointSizeF(points)
        self._edit.setFont(font)

    def show_state(self, state: State) -> None:
        """Offer what can be done now."""
        self._state = state
        self._show_buttons()

    def focus(self) -> None:
        """The keyboard into the text."""
        self._edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def begin(self) -> None:
        """What comes now is written by the model, in one step of undo; the user can't write meanwhile."""
        self._edit.setReadOnly(True)
        self._writing = False
        self._note.say("")

    def grow(self, text: str) -> None:
        """The model wrote."""
        bar = self._edit.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        cursor = QTextCursor(self._edit.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if self._writing:
            cursor.joinPreviousEditBlock()
        else:
            cursor.beginEditBlock()
        cursor.insertText(broken(text.replace("\0", "\N{REPLACEMENT CHARACTER}")))
        cursor.endEditBlock()
        self._writing = True
        if at_end:
            bar.setValue(bar.maximum())

    def end(self, note: str) -> None:
        """The writing ended."""
        self._edit.setReadOnly(False)
        self._note.say(note)

    def request_complete(self) -> None:
        """As if the button had been pressed."""
        if self._complete.isEnabled() and self._state is State.READY:
            self.complete_requested.emit()

    def _show_buttons(self) -> None:
        answering = self._state is State.ANSWERING
        ready = self._state is State.READY and not self._edit.document().isEmpty()
        self._complete.setText(self.tr("Stop") if answering else self.tr("Complete"))
        self._icons.put(self._complete, "mdi6.stop" if answering else "mdi6.send")
        self._complete.setToolTip(self.tr("Let the model write on where the text ends (Ctrl+Enter)"))
        self._complete.setEnabled(answering or ready)

    def _on_text_changed(self) -> None:
        self._show_buttons()
        self.text_edited.emit()

    def _on_clicked(self) -> None:
        if self._state is State.ANSWERING:
            self.stop_requested.emit()
        else:
            self.complete_requested.emit()
