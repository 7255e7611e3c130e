"""Quantising in the window: the dialog that asks, the bar that tells, and the word before what goes on is lost."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication, QMainWindow

from desktop.library.sizes import size_in_words
from desktop.session.plans import Problem
from desktop.session.quantize_plans import Quantized, QuantizeLook, QuantizePlan

from .icons import Icons
from .quantize_bar import QuantizeBar

if TYPE_CHECKING:
    from .quantize_dialog import QuantizeDialog

WARNED = 30.0
"""Seconds that a warning before closing holds; later the user may have forgotten it."""


class QuantizeDesk(QObject):
    """Knows what is being quantised and what the last one came to."""

    #: Find out what quantising the model at a path takes: path, name.
    look_wanted = Signal(str, str)
    #: Begin: QuantizePlan.
    quantize_wanted = Signal(object)
    #: Show what lies at this path in the library.
    show_wanted = Signal(str)

    def __init__(self, window: QMainWindow, icons: Icons) -> None:
        """The dialog is made when it is first wanted."""
        super().__init__(window)
        self._window = window
        self.dialog: QuantizeDialog | None = None
        self.bar = QuantizeBar(icons)
        self._running: QuantizePlan | None = None
        self._warned_until = 0.0
        self._made = ""
        self.bar.show_requested.connect(self._on_show_requested)

    @Slot(str, str)
    def ask(self, path: str, name: str) -> None:
        """Open the dialog for the model at a path."""
        if self.dialog is None:
            # Here and not above: the window starts without it.
            from .quantize_dialog import QuantizeDialog

            self.dialog = QuantizeDialog(self._window)
            self.dialog.quantize_wanted.connect(self._on_quantize_wanted)
        self.dialog.show_busy(self._running is not None)
        self.dialog.ask(path, name)
        self.look_wanted.emit(path, name)

    def may_close(self) -> bool:
        """Whether the window may close: what is being quantised would be lost, so that is said the first time."""
        if self._running is None or monotonic() < self._warned_until:
            return True
        self._warned_until = monotonic() + WARNED
        words = self.tr("Closing ends the quantising of {name}, and nothing of the copy is kept. Close again to do so.")
        self.bar.warn(words.format(name=self._running.name))
        return False

    @Slot(object)
    def take_look(self, look: QuantizeLook) -> None:
        """What quantising a model takes was found out."""
        if self.dialog is not None:
            self.dialog.take(look)

    @Slot(object)
    def show_quantized(self, done: Quantized) -> None:
        """The copy stands on the disk."""
        report = done.report
        self._made = report.folder
        errors = [layer.error for layer in report.layers]
        words = self.tr(
            "{name} is quantised: {before} became {after}. Error of the linears' outputs on the calibration text: "
            "{error:.1%} on average."
        )
        sentence = words.format(
            name=done.plan.name,
            before=size_in_words(report.bytes_before),
            after=size_in_words(report.bytes_after),
            error=sum(errors) / max(len(errors), 1),
        )
        self.bar.show_done(" ".join((sentence, *report.notes)))
        QApplication.alert(self._window)

    @Slot(object)
    def show_failed(self, problem: Problem) -> None:
        """It failed, and nothing was written."""
        self.bar.show_problem(problem)
        QApplication.alert(self._window)

    @Slot()
    def show_cancelled(self) -> None:
        """It was cancelled, and nothing was written."""
        self.bar.show_cancelled(self.tr("The quantising was cancelled; nothing was written."))

    @Slot()
    def show_free(self) -> None:
        """It is over, and the next one may begin."""
        self._running = None
        if self.dialog is not None:
            self.dialog.show_busy(False)

    @Slot(object)
    def _on_quantize_wanted(self, plan: QuantizePlan) -> None:
        if self._running is None:
            self._running, self._warned_until = plan, 0.0
            self.bar.show_begun(plan.name)
            self.quantize_wanted.emit(plan)

    @Slot()
    def _on_show_requested(self) -> None:
        self.show_wanted.emit(self._made)
