"""The middle of the window: the conversations, failures, the messages or the notebook, and the prompt."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from desktop.session.plans import Loaded, State

from . import theme
from .banner import Banner
from .chat_view import ChatView
from .conversation_bar import ConversationBar
from .conversation_panel import ConversationPanel
from .icons import Icons
from .notebook import Notebook
from .prompt_box import PromptBox
from .thin_splitter import ThinSplitter
from .welcome import Welcome


class PromptPlace(QWidget):
    """Puts them together; what happens in them is the desk's."""

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """No messages yet."""
        super().__init__(parent)
        self.bar = ConversationBar(icons)
        self.panel = ConversationPanel()
        self.banner = Banner(icons)
        self.welcome = Welcome(icons)
        self.box = PromptBox(icons)
        self.chat = ChatView()
        self.notebook = Notebook(icons)
        self.reply_menu = self.chat.menu
        self._pages = QStackedWidget()
        self._pages.addWidget(self.welcome)
        self._pages.addWidget(self.chat)
        self.split = ThinSplitter(Qt.Orientation.Vertical)
        self.split.addWidget(self._pages)
        self.split.addWidget(self.box)
        self.split.setStretchFactor(0, 1)
        self.split.setSizes([600, 150])
        self._ways = QStackedWidget()
        self._ways.addWidget(self.split)
        self._ways.addWidget(self.notebook)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for widget in (self.bar, self.panel, theme.line(), self.banner, self._ways):
            layout.addWidget(widget, 1 if widget is self._ways else 0)

    @property
    def shows_notebook(self) -> bool:
        """Whether the notebook is in sight."""
        return self._ways.currentWidget() is self.notebook

    def show_notebook(self, shown: bool) -> None:
        """The notebook, or the conversation."""
        self._ways.setCurrentWidget(self.notebook if shown else self.split)
        self.bar.show_notebook(shown)
        if shown:
            self.panel.hide()
            self.bar.title.setChecked(False)

    def show_page(self, has_messages: bool) -> None:
        """The messages, or what to do while there are none."""
        self._pages.setCurrentWidget(self.chat if has_messages else self.welcome)
        self.box.show_has_answer(has_messages)

    def show_state(self, state: State) -> None:
        """Offer what can be done now."""
        for part in (self.box, self.welcome, self.reply_menu, self.notebook):
            part.show_state(state)

    def show_loaded(self, loaded: Loaded | None) -> None:
        """A model was loaded, or is no more."""
        self.welcome.show_loaded(loaded)
        if loaded is None:
            self.box.show_count(None)
            return
        self.banner.hide()
        if self.shows_notebook:
            self.notebook.focus()
        else:
            self.box.focus()

    def show_size(self, points: float) -> None:
        """Another size of the texts."""
        self.chat.messages.show_size(points)
        self.notebook.show_size(points)
        self.box.show_size(points)

    def text(self, column: int = 0) -> str:
        """What the messages say, or the base's column."""
        return self.chat.base_text() if column else self.chat.messages.text()
