"""At the top right: which model, what it is doing, how much memory it takes."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QWidget

from desktop.library.sizes import size_in_words
from desktop.session.plans import State

from . import theme

WIDTH = 420


class _Dot(QWidget):
    """Never the only sign: the word beside it says the same."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(10, 10)
        self._state = State.EMPTY

    def show_state(self, state: State) -> None:
        self._state = state
        self.update()

    def _colour(self) -> QColor:
        if self._state is State.LOST:
            return theme.error_colour(self.palette())
        if self._state in {State.ANSWERING, State.LOADING, State.WORKING}:
            return self.palette().color(QPalette.ColorRole.Accent)
        return theme.muted_colour(self.palette())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._colour())
        if self._state is not State.EMPTY:
            painter.setBrush(self._colour())
        painter.drawEllipse(QRectF(1, 1, 8, 8))
        painter.end()


class StatusChip(QWidget):
    """One line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """No model."""
        super().__init__(parent)
        self._name = ""
        self._state = State.EMPTY
        self._memory = 0
        self._folded = False
        self._dot = _Dot()
        self._label = theme.Elided()
        self._label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._label.setFont(theme.tabular(self._label.font()))
        self._label.setAccessibleName(self.tr("Model and engine"))
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GAP, 0, theme.MARGIN, 0)
        row.setSpacing(theme.GAP)
        row.addWidget(self._label, 1)
        row.addWidget(self._dot)
        self._say()

    def show_model(self, name: str) -> None:
        """Which model is loaded; empty for none."""
        self._name = name
        self._say()

    def show_state(self, state: State) -> None:
        """What it is doing."""
        self._state = state
        self._dot.show_state(state)
        self._say()

    def show_mode(self, mode: str) -> None:
        """How the stack is computed; exact is what nobody need be told."""
        self._folded = mode == "folded"
        self._say()

    def show_memory(self, memory: int) -> None:
        """Bytes the engine takes."""
        self._memory = memory
        self._say()

    def sizeHint(self) -> QSize:  # noqa: N802
        """A menu bar measures its corner once: what the line may say later must fit from the start."""
        return QSize(WIDTH, super().sizeHint().height())

    def _say(self) -> None:
        states = {
            State.EMPTY: self.tr("no model"),
            State.LOADING: self.tr("loading"),
            State.READY: self.tr("idle"),
            State.ANSWERING: self.tr("answering"),
            State.WORKING: self.tr("working"),
            State.LOST: self.tr("engine stopped"),
        }
        parts = [self._name] if self._name and self._state is not State.EMPTY else []
        parts.append(states[self._state])
        if self._folded and parts[1:]:
            parts.insert(1, self.tr("folded"))
        if self._memory and self._state is not State.EMPTY:
            parts.append(size_in_words(self._memory))
        self._label.say(" · ".join(parts))
