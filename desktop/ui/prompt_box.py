"""Where a prompt is written, with the one button that sends it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from desktop.session.plans import State

from . import theme
from .icons import Icons
from .message_adapters import MessageAdapters
from .prompt_edit import PromptEdit


class PromptBox(QWidget):
    """Says what the user wants; whoever listens knows whether it can be done."""

    #: Answer the prompt; True to have the base answer as well.
    send_requested = Signal(bool)
    #: Answer the last prompt again.
    regenerate_requested = Signal()
    #: End the answer.
    stop_requested = Signal()
    #: The text was edited.
    text_edited = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._icons = icons
        self._state = State.EMPTY
        self._has_answer = False
        self._edit = PromptEdit()
        self._edit.setPlaceholderText(self.tr("Write a message. Ctrl+Enter sends it."))
        self._edit.setAccessibleName(self.tr("Prompt"))
        self._edit.setTabChangesFocus(True)
        self._edit.setMinimumHeight(72)
        self._start = QLineEdit()
        self._start.setAccessibleName(self.tr("Start the reply with"))
        self._start.setPlaceholderText(self.tr("Start the reply with ..."))
        self._start.hide()
        self._long = theme.Note(parent=self)
        self.adapters = MessageAdapters(self)
        self._count = QLabel()
        self._count.setFont(theme.tabular(self._count.font()))
        self._send = self._button(icons, "mdi6.send", self.tr("Send"), self.tr("Answer the prompt (Ctrl+Enter)"))
        self._compare = self._button(
            icons,
            "mdi6.compare",
            self.tr("Compare with base"),
            self.tr("Answer with the adapters and without them, from the same seed (Ctrl+Shift+Enter)"),
        )
        self._again = self._button(
            icons, "mdi6.refresh", self.tr("Regenerate"), self.tr("Another version of the last reply (Ctrl+R)")
        )
        self._build()
        self._connect_signals()
        self._show_buttons()

    def text(self) -> str:
        """The prompt."""
        return self._edit.text()

    def show_text(self, text: str) -> None:
        """Put a text into the box."""
        self._edit.show_text(text)

    def start(self) -> str:
        """How the reply is to begin; empty while that is not in sight."""
        return "" if self._start.isHidden() else self._start.text()

    def show_start(self, shown: bool) -> None:
        """Whether a beginning of the reply can be given."""
        self._start.setVisible(shown)
        if shown:
            self._start.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_size(self, points: float) -> None:
        """Another size of the text."""
        font = self._edit.font()
        font.setPointSizeF(points)
        self._edit.setFont(font)

    def insert(self, words: str) -> None:
        """Put words where the cursor stands, apart from what stands before, and the keyboard there."""
        cursor = self._edit.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        data = QMimeData()
        data.setText(f"{'' if not before or before[-1].isspace() else ' '}{words} ")
        self._edit.insertFromMimeData(data)
        self.focus()

    def show_state(self, state: State) -> None:
        """Offer what can be done now."""
        self._state = state
        self._show_buttons()

    def show_has_answer(self, has_answer: bool) -> None:
        """Whether there is something to answer again."""
        self._has_answer = has_answer
        self._show_buttons()

    def show_count(self, tokens: int | None) -> None:
        """How many tokens the prompt takes; None where nobody knows."""
        self._count.setText("" if tokens is None else self.tr("{count:,} tokens").format(count=tokens))

    def focus(self) -> None:
        """Put the keyboard into the prompt."""
        self._edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def request_send(self, compare: bool = False) -> None:
        """As if the button had been pressed."""
        if self._send.isEnabled() and self._state is State.READY:
            self.send_requested.emit(compare)

    def _button(self, icons: Icons, icon: str, text: str, words: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(words)
        button.setAccessibleDescription(words)
        button.setAutoDefault(False)
        icons.put(button, icon)
        return button

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.MARGIN, theme.GAP, theme.MARGIN, theme.MARGIN)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self._edit, 1)
        layout.addWidget(self._start)
        layout.addWidget(self._long)
        layout.addWidget(self.adapters)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._count)
        row.addStretch(1)
        for button in (self._again, self._compare, self._send):
            row.addWidget(button)
        layout.addLayout(row)

    def _connect_signals(self) -> None:
        self._edit.textChanged.connect(self._on_text_changed)
        self._edit.marks_changed.connect(self._on_marks_changed)
        self._send.clicked.connect(self._on_send_clicked)
        self._compare.clicked.connect(self._on_compare_clicked)
        self._again.clicked.connect(self.regenerate_requested)

    def _show_buttons(self) -> None:
        answering = self._state is State.ANSWERING
        has_text = not self._edit.document().isEmpty()
        ready = self._state is State.READY
        self._send.setText(self.tr("Stop") if answering else self.tr("Send"))
        self._icons.put(self._send, "mdi6.stop" if answering else "mdi6.send")
        self._send.setEnabled(answering or (ready and has_text))
        self._compare.setEnabled(ready and has_text)
        self._again.setEnabled(ready and self._has_answer)

    def _on_text_changed(self) -> None:
        self._show_buttons()
        self.adapters.show_prompt(self.text())
        self.text_edited.emit()

    def _on_marks_changed(self, marks: Sequence[tuple[str, int]]) -> None:
        words = self.tr("{mark} stands for a pasted text of {count:,} characters, which is sent in its place.")
        self._long.say("\n".join(words.format(mark=mark, count=count) for mark, count in marks))

    def _on_send_clicked(self) -> None:
        if self._state is State.ANSWERING:
            self.stop_requested.emit()
        else:
            self.send_requested.emit(False)

    def _on_compare_clicked(self) -> None:
        self.send_requested.emit(True)
