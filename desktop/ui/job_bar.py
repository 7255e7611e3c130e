"""The one job bar at the bottom: what is being done, how far it is, and the way to end it; speed and context after."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from desktop.session.plans import Side, State

from . import theme


class JobBar(QWidget):
    """Never blocks, never hides what is going on."""

    #: End what is going on.
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Idle."""
        super().__init__(parent)
        self._step = theme.Elided()
        self._bar = QProgressBar()
        self._bar.setFixedWidth(160)
        self._bar.setTextVisible(True)
        self._bar.setAccessibleName(self.tr("Progress"))
        self._cancel = QPushButton(self.tr("Cancel"))
        self._cancel.setToolTip(self.tr("End what is going on (Esc)"))
        self._cancel.clicked.connect(self.cancel_requested)
        self._speed = QLabel()
        self._speed.setFont(theme.tabular(self._speed.font()))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.MARGIN, theme.GRID, theme.MARGIN, theme.GRID)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self._step, 1)
        layout.addWidget(self._bar)
        layout.addWidget(self._cancel)
        layout.addWidget(self._speed)
        self.setFixedHeight(40)
        self.show_state(State.EMPTY)

    def show_state(self, state: State) -> None:
        """Show or hide the way to end it."""
        busy = state in {State.LOADING, State.ANSWERING, State.WORKING}
        self._bar.setVisible(busy)
        self._cancel.setVisible(busy)
        if state is State.ANSWERING:
            self.show_step(self.tr("Answering"), None)
        elif not busy:
            self._step.say("")

    def show_step(self, step: str, fraction: float | None) -> None:
        """What is being done, and how much of it."""
        self._step.say(step)
        self._bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            self._bar.setValue(round(min(max(fraction, 0.0), 1.0) * 1000))

    def show_running(self, tokens: int, speed: float | None) -> None:
        """How the present answer goes."""
        parts = [self.tr("{count} tokens").format(count=tokens)]
        if speed:
            parts.insert(0, self.tr("{speed:.0f} tokens/s").format(speed=speed))
        self._speed.setText(" · ".join(parts))

    def show_side(self, side: Side, context: int) -> None:
        """How the last answer went: its speed, and how much of the context it took."""
        used = side.prompt_tokens + side.tokens
        parts = []
        if side.tokens_per_second:
            parts.append(self.tr("{speed:.1f} tokens/s").format(speed=side.tokens_per_second))
        if context:
            parts.append(self.tr("{used:,} of {context:,} tokens").format(used=used, context=context))
        else:
            parts.append(self.tr("{used:,} tokens").format(used=used))
        self._speed.setText(" · ".join(parts))
