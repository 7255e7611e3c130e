"""Above the conversation: which one it is, the list of all, a new one; chat or notebook; how full the context is."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from . import theme
from .icons import Icons


class ConversationBar(QWidget):
    """Says what the user wants."""

    #: Show the chat (False) or the notebook (True).
    notebook_wanted = Signal(bool)
    #: Show or hide the list of conversations.
    list_toggled = Signal(bool)
    #: Begin a new conversation.
    new_requested = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """A conversation without a name."""
        super().__init__(parent)
        self._chat = self._button(self.tr("Chat"), self.tr("Messages in turns"))
        self._notebook = self._button(self.tr("Notebook"), self.tr("One text, which the model writes on"))
        for button in (self._chat, self._notebook):
            button.setCheckable(True)
            # Not in a group: Tab would pass over the one that is not chosen.
            button.clicked.connect(self._on_mode_clicked)
        self._chat.setChecked(True)
        self.title = self._button(self.tr("New conversation"), self.tr("All conversations (Ctrl+Shift+F searches)"))
        self.title.setCheckable(True)
        self.title.setArrowType(Qt.ArrowType.DownArrow)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.title.setMinimumWidth(80)
        self._new = self._button("", self.tr("New conversation (Ctrl+N)"))
        self._new.setAccessibleName(self.tr("New conversation"))
        icons.put(self._new, "mdi6.plus")
        self._more = self._button("\N{MIDLINE HORIZONTAL ELLIPSIS}", self.tr("What can be done with the conversation"))
        self._more.setAccessibleName(self.tr("Conversation menu"))
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._meter = QProgressBar()
        self._meter.setFixedSize(QSize(104, 18))
        self._meter.setRange(0, 1000)
        self._meter.setAccessibleName(self.tr("Context used"))
        self._meter.hide()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.GAP, theme.GRID, theme.GAP, theme.GRID)
        layout.setSpacing(theme.GRID)
        for widget in (self._chat, self._notebook, self.title, self._new, self._more, self._meter):
            layout.addWidget(widget, 1 if widget is self.title else 0)
        self._stretch = QWidget()
        layout.insertWidget(2, self._stretch)
        self._stretch.hide()
        self._stretch.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.title.toggled.connect(self.list_toggled)
        self._new.clicked.connect(self.new_requested)

    def use_menu(self, menu: QMenu) -> None:
        """What can be done with the conversation."""
        self._more.setMenu(menu)

    def show_title(self, title: str) -> None:
        """The conversation's name."""
        shown = title or self.tr("New conversation")
        self.title.setText(shown.replace("&", "&&"))
        self.title.setAccessibleName(self.tr("Conversations; this one is {title}").format(title=shown))

    def show_notebook(self, shown: bool) -> None:
        """The other way of working is in sight."""
        self._notebook.setChecked(shown)
        self._chat.setChecked(not shown)
        for widget in (self.title, self._new, self._more):
            widget.setVisible(not shown)
        self._stretch.setVisible(shown)

    def show_context(self, used: int, context: int) -> None:
        """How many tokens of the context are used; nothing where nobody knows."""
        self._meter.setVisible(bool(used and context))
        if context:
            self._meter.setValue(min(round(1000 * used / context), 1000))
            self._meter.setFormat(self.tr("context {percent} %").format(percent=min(round(100 * used / context), 100)))
            words = self.tr("{used:,} of {context:,} tokens. When it is full, the oldest messages are not sent.")
            self._meter.setToolTip(words.format(used=used, context=context))

    def _button(self, text: str, words: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(words)
        button.setAutoRaise(True)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button

    def _on_mode_clicked(self) -> None:
        self.notebook_wanted.emit(self.sender() is self._notebook)
