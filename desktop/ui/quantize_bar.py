"""A model that is being quantised, whatever else goes on: how far it is, the way to end it, and what came of it."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from desktop.session.plans import Problem

from . import theme
from .banner import Banner
from .icons import Icons
from .notice_bar import NoticeBar


class QuantizeBar(QWidget):
    """Hidden while there is nothing to say."""

    #: End it.
    cancel_requested = Signal()
    #: Show the finished copy.
    show_requested = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Hidden."""
        super().__init__(parent)
        self.notice = NoticeBar(self.tr("What came of the quantising"))
        self.banner = Banner(icons)
        self._name = ""
        self._running = QWidget()
        self._step = theme.Elided()
        self._bar = QProgressBar()
        self._bar.setFixedWidth(160)
        self._bar.setAccessibleName(self.tr("Progress of the quantising"))
        self._cancel = QPushButton(self.tr("Cancel"))
        self._cancel.setAccessibleName(self.tr("Cancel quantising"))
        self._cancel.setToolTip(self.tr("End it; nothing of the copy is kept."))
        row = QHBoxLayout(self._running)
        row.setContentsMargins(theme.MARGIN, theme.GRID, theme.MARGIN, theme.GRID)
        row.setSpacing(theme.GAP)
        row.addWidget(self._step, 1)
        row.addWidget(self._bar)
        row.addWidget(self._cancel)
        self._running.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.banner, self.notice, self._running):
            column.addWidget(widget)
        self._cancel.clicked.connect(self._on_cancel)
        self.notice.acted.connect(self.show_requested)

    def show_begun(self, name: str) -> None:
        """A model is being quantised; what was told of the one before is history."""
        self._name = name
        self.banner.hide()
        self.notice.hide()
        self._cancel.setEnabled(True)
        self.show_step("", None)
        self._running.show()

    @Slot(str, object)
    def show_step(self, step: str, fraction: float | None) -> None:
        """What is being done, and how much of it."""
        self._step.say(f"{self._name}: {step}" if step else self._name)
        self._bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            self._bar.setValue(round(min(max(fraction, 0.0), 1.0) * 1000))

    def show_done(self, sentence: str) -> None:
        """The copy stands on the disk."""
        self._running.hide()
        self.notice.show_notice(sentence, self.tr("Show in the library"))

    def warn(self, sentence: str) -> None:
        """Say this while it goes on."""
        self.notice.show_notice(sentence, error=True)

    def show_cancelled(self, sentence: str) -> None:
        """It was ended before it was done."""
        self._running.hide()
        self.notice.show_notice(sentence)

    @Slot(object)
    def show_problem(self, problem: Problem) -> None:
        """It failed."""
        self._running.hide()
        self.banner.show_problem(problem)

    def _on_cancel(self) -> None:
        self.show_step(self.tr("Cancelling; press again to end it at once"), None)
        self.cancel_requested.emit()
