"""One adapter of the stack: on or off, its weight, its place, and what came of attaching it."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Signal
from PySide6.QtGui import QFocusEvent, QMouseEvent
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from desktop.api import AttachReceipt, Lora
from desktop.library.fit import Fit
from desktop.session.plans import Problem

from . import theme
from .icons import Icons
from .weight_slider import STEP, WeightSlider


class StackRow(QFrame):
    """Shows a Lora; what the user does to it comes out as a changed one."""

    #: On, off or another weight: the row as it should be.
    row_changed = Signal(object)
    #: Take it off the stack: its id.
    removal_requested = Signal(str)
    #: Move it: its id and -1 (up) or 1 (down).
    move_requested = Signal(str, int)
    #: It was clicked or got the keyboard: its id.
    row_selected = Signal(str)

    def __init__(self, row: Lora, icons: Icons, parent: QWidget | None = None) -> None:
        """Nothing is known of it but what the row says."""
        super().__init__(parent)
        self.row = row
        self._make_controls(icons)
        self._build()
        self._show_row()
        self._connect_signals()

    def show_row(self, row: Lora) -> None:
        """The row changed elsewhere."""
        self.row = row
        self._show_row()

    def show_fit(self, fit: Fit | None) -> None:
        """The verdict before it is attached."""
        if fit is None or fit.verdict == "unknown":
            return
        words = "" if fit.verdict == "fits" else self.tr("Does not fit: {reason}.").format(reason=fit.reason)
        self._note.say(words, error=True)

    def show_receipt(self, receipt: AttachReceipt) -> None:
        """It is attached."""
        words = self.tr("{kind} rank {rank}, {matched} of {targeted} modules").format(
            kind=receipt.kind,
            rank=receipt.rank,
            matched=receipt.modules_matched,
            targeted=receipt.modules_targeted,
        )
        notes = " ".join(receipt.notes)
        self._note.say(words + (f". {notes}" if notes else ""))

    def show_problem(self, problem: Problem) -> None:
        """It could not be attached."""
        self._note.say(problem.sentence, error=True)

    def show_waiting(self) -> None:
        """No model is loaded; nothing is known."""
        self._note.say("")

    def set_place(self, first: bool, last: bool) -> None:
        """Whether it can go up and down."""
        self._up.setEnabled(not first)
        self._down.setEnabled(not last)

    def set_selected(self, selected: bool) -> None:
        """Whether the details panel is about it."""
        self.setFrameShape(QFrame.Shape.StyledPanel if selected else QFrame.Shape.NoFrame)

    def _make_controls(self, icons: Icons) -> None:
        name = self.row.name
        self._on = QCheckBox()
        self._on.setAccessibleName(self.tr("{name} acts").format(name=name))
        self._on.setToolTip(self.tr("Whether it acts. Off, it stays at hand and contributes nothing."))
        self._name = theme.Elided(name)
        self._up = self._tool(icons, "mdi6.chevron-up", self.tr("Move {name} up").format(name=name))
        self._down = self._tool(icons, "mdi6.chevron-down", self.tr("Move {name} down").format(name=name))
        self._remove = self._tool(icons, "mdi6.close", self.tr("Take {name} off").format(name=name))
        self._slider = WeightSlider()
        self._slider.setAccessibleName(self.tr("Weight of {name}").format(name=name))
        self._slider.setToolTip(self.tr("Weight; arrow keys move it by 0.05, a double click sets 1"))
        self._box = QDoubleSpinBox()
        self._box.setRange(-1000, 1000)
        self._box.setDecimals(2)
        self._box.setSingleStep(STEP)
        self._box.setFont(theme.tabular(self._box.font()))
        self._box.setAccessibleName(self.tr("Weight of {name} as a number").format(name=name))
        self._box.setKeyboardTracking(False)
        self._note = theme.Note(parent=self)

    def _tool(self, icons: Icons, icon: str, words: str) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        button.setToolTip(theme.as_tooltip(words))
        button.setAccessibleName(words)
        icons.put(button, icon)
        return button

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        layout.setSpacing(0)
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        row.addWidget(self._on)
        row.addWidget(self._name, 1)
        for button in (self._up, self._down, self._remove):
            row.addWidget(button)
        layout.addLayout(row)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._slider, 1)
        row.addWidget(self._box)
        layout.addLayout(row)
        layout.addWidget(self._note)

    def _connect_signals(self) -> None:
        self._on.toggled.connect(self._on_toggled)
        self._slider.weight_moved.connect(self._on_weight_changed)
        self._box.valueChanged.connect(self._on_weight_changed)
        self._up.clicked.connect(self._on_up_clicked)
        self._down.clicked.connect(self._on_down_clicked)
        self._remove.clicked.connect(self._on_remove_clicked)
        for widget in (self._on, self._slider, self._box):
            widget.installEventFilter(self)

    def _show_row(self) -> None:
        with QSignalBlocker(self._on), QSignalBlocker(self._box):
            self._on.setChecked(self.row.enabled)
            self._box.setValue(self.row.weight)
        self._slider.show_weight(self.row.weight)

    def _change(self, row: Lora) -> None:
        if row != self.row:
            self.row = row
            self._show_row()
            self.row_changed.emit(row)

    def _on_toggled(self, enabled: bool) -> None:
        self._change(msgspec.structs.replace(self.row, enabled=enabled))

    def _on_weight_changed(self, weight: float) -> None:
        self._change(msgspec.structs.replace(self.row, weight=round(weight, 2)))

    def _on_up_clicked(self) -> None:
        self.move_requested.emit(self.row.id, -1)

    def _on_down_clicked(self) -> None:
        self.move_requested.emit(self.row.id, 1)

    def _on_remove_clicked(self) -> None:
        self.removal_requested.emit(self.row.id)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """A click anywhere selects it."""
        self.row_selected.emit(self.row.id)
        super().mousePressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """So does the keyboard on one of its controls. The wheel scrolls the panel and moves no weight by accident."""
        if isinstance(event, QFocusEvent) and event.type() == QEvent.Type.FocusIn:
            self.row_selected.emit(self.row.id)
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)
