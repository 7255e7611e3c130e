"""The middle of the window while nothing has been answered yet: what to do next, in one button and three hints."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from desktop.library.models import ModelEntry
from desktop.session.plans import Loaded, State

from . import theme
from .icons import Icons

WIDTH = 520
HINTS = ("tick", "compare", "drop")


class Welcome(QWidget):
    """Changes with what there is: no model at all, models but none loaded, one loaded."""

    #: Fetch the starter model and its adapter.
    starter_requested = Signal()
    #: A hint was dismissed: its name.
    hint_dismissed = Signal(str)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Nothing is known yet."""
        super().__init__(parent)
        self._icons = icons
        self._has_models: bool | None = None
        self._loaded: Loaded | None = None
        self._state = State.EMPTY
        self._hints: dict[str, QWidget] = {}
        self._title = QLabel()
        font = self._title.font()
        font.setPointSizeF(font.pointSizeF() * 1.6)
        self._title.setFont(font)
        self._title.setWordWrap(True)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._words = theme.Note(parent=self)
        self._starter = QPushButton(self.tr("Get the starter model and its adapter"))
        self._starter.setToolTip(self.tr("SmolLM2-135M-Instruct, Apache-2.0: 93 MB to download, 0.3 GB on the disk"))
        icons.put(self._starter, "mdi6.download")
        self._starter.setDefault(True)
        self._build()
        self._starter.clicked.connect(self.starter_requested)
        self._say()

    def show_library(self, entries: Sequence[ModelEntry]) -> None:
        """The library was listed."""
        self._has_models = bool(entries)
        self._say()

    def show_loaded(self, loaded: Loaded | None) -> None:
        """A model was loaded, or is no more."""
        self._loaded = loaded
        self._say()

    def show_state(self, state: State) -> None:
        """What is going on."""
        self._state = state
        self._say()

    def dismiss(self, names: tuple[str, ...]) -> None:
        """Hints the user has seen enough of."""
        for name in names:
            if name in self._hints:
                self._hints[name].hide()

    def _build(self) -> None:
        column = QVBoxLayout()
        column.setSpacing(theme.MARGIN)
        column.addStretch(2)
        column.addWidget(self._title)
        column.addWidget(self._words)
        row = QHBoxLayout()
        row.addWidget(self._starter)
        row.addStretch(1)
        column.addLayout(row)
        column.addSpacing(theme.MARGIN)
        texts = {
            "tick": self.tr(
                "Tick an adapter on the left, move its weight, and the next answer changes. It goes on and off "
                "without loading the model again."
            ),
            "compare": self.tr(
                "Compare with base answers the same prompt twice, with your adapters and without them, side by side."
            ),
            "drop": self.tr(
                "Drop a LoRA's folder anywhere on this window to add it; drop a model's folder to choose it."
            ),
        }
        for name in HINTS:
            self._hints[name] = self._hint(name, texts[name])
            column.addWidget(self._hints[name])
        column.addStretch(3)
        inside = QWidget()
        inside.setLayout(column)
        inside.setFixedWidth(WIDTH)
        outer = QHBoxLayout(self)
        outer.addStretch(1)
        outer.addWidget(inside)
        outer.addStretch(1)

    def _hint(self, name: str, words: str) -> QWidget:
        hint = QWidget()
        row = QHBoxLayout(hint)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(theme.Note(words), 1)
        close = QPushButton(self.tr("Got it"))
        close.setFlat(True)
        close.setObjectName(name)
        close.setAccessibleName(self.tr("Dismiss this hint: {hint}").format(hint=words))
        close.clicked.connect(self._on_hint_closed)
        row.addWidget(close)
        return hint

    def _say(self) -> None:
        self._starter.setVisible(self._loaded is None and self._has_models is False)
        self._starter.setEnabled(self._state is not State.LOADING)
        if self._loaded is not None:
            self._title.setText(self.tr("{name} is ready").format(name=self._loaded.plan.name))
            self._words.say(self.tr("Write a prompt below, and send it with Ctrl+Enter."))
        elif self._state is State.LOADING:
            self._title.setText(self.tr("Getting ready"))
            self._words.say(self.tr("The bar at the bottom tells how far it is. You can write your prompt meanwhile."))
        elif self._has_models is False:
            self._title.setText(self.tr("Welcome to LoRA Deck"))
            self._words.say(
                self.tr(
                    "Run language models on your own machine and shape them with LoRA adapters. There is no model "
                    "yet: get a small one to start with, or choose one of yours with Browse on the left."
                )
            )
        else:
            self._title.setText(self.tr("Choose a model"))
            self._words.say(self.tr("Pick a base model on the left and press Load."))

    def _on_hint_closed(self) -> None:
        name = self.sender().objectName()
        self.dismiss((name,))
        self.hint_dismissed.emit(name)
