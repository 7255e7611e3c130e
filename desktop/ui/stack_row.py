"""One adapter of the stack: on or off, its weight, alone or with the others, and what came of attaching it."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QPoint, QSignalBlocker, Signal
from PySide6.QtGui import QContextMenuEvent, QMouseEvent, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from desktop.api import AttachReceipt, Lora
from desktop.library.adapter_notes import AdapterNote
from desktop.library.fit import Fit
from desktop.session.plans import Problem

from . import theme
from .icons import Icons
from .receipt_words import receipt_words
from .row_name import RowName
from .tick_box import TickBox
from .weight_box import WeightBox
from .weight_slider import WeightSlider

NOBODY = Lora(id="nobody", name="", path="")
"""What a row is about before it is about an adapter."""


class StackRow(QFrame):
    """Shows a Lora; what the user does to it comes out as a changed one. Made once, it can show one after the other."""

    #: On, off or another weight: the row as it should be.
    row_changed = Signal(object)
    #: Take it off the stack: its id.
    removal_requested = Signal(str)
    #: It is to act alone, or with the others again: its id and which.
    solo_requested = Signal(str, bool)
    #: What else can be done with it is wanted: its id and where on the screen.
    menu_requested = Signal(str, QPoint)
    #: It was clicked: its id.
    row_selected = Signal(str)
    #: It is dragged by its name: its id and where the mouse is on the screen.
    drag_moved = Signal(str, QPoint)
    #: It is not dragged any more: its id, and whether it was dropped.
    drag_ended = Signal(str, bool)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """About nothing yet, and hidden."""
        super().__init__(parent)
        self.hide()
        # Always there, to be seen where it is selected: a frame that comes and goes would move all rows below.
        self.setFrameStyle(QFrame.Shape.Box | QFrame.Shadow.Plain)
        self.row = NOBODY
        self._about = AdapterNote()
        self._receipt: AttachReceipt | None = None
        self._tick = TickBox()
        self._name = RowName()
        self._solo = self._tool(icons, "mdi6.headphones")
        self._solo.setCheckable(True)
        self._more = self._tool(icons, "mdi6.dots-vertical")
        self._remove = self._tool(icons, "mdi6.close")
        self._slider = WeightSlider()
        self._box = WeightBox()
        self._note = theme.Note(parent=self)
        self._build()
        self._connect_signals()

    def show_row(self, row: Lora, about: AdapterNote) -> None:
        """Be about this adapter, of which nothing is known but what the user wrote down."""
        self.row, self._about, self._receipt = row, about, None
        self._note.say("")
        self._name.say(row.name)
        self.show_heard(alone=False, silent=False)
        self.set_selected(False)
        names = {
            self._tick: self.tr("{name} acts"),
            self._solo: self.tr("Solo {name}"),
            self._more: self.tr("More about {name}"),
            self._remove: self.tr("Take {name} off"),
            self._slider: self.tr("Weight of {name}"),
            self._box: self.tr("Weight of {name} as a number"),
        }
        for control, name in names.items():
            control.setAccessibleName(name.format(name=row.name))
        self._remove.setToolTip(theme.as_tooltip(self._remove.accessibleName()))
        self._show_values()
        self._show_facts()

    def show_about(self, about: AdapterNote) -> None:
        """The user wrote something down."""
        if about != self._about:
            self._about = about
            self._show_facts()

    def show_fit(self, fit: Fit | None) -> None:
        """The verdict before it is attached."""
        if fit is None or fit.verdict == "unknown":
            return
        words = "" if fit.verdict == "fits" else self.tr("Does not fit: {reason}.").format(reason=fit.reason)
        self._note.say(words, error=True)

    def show_receipt(self, receipt: AttachReceipt) -> None:
        """It is attached."""
        if receipt == self._receipt:
            return
        self._receipt = receipt
        words = self.tr("{kind} rank {rank}, {matched} of {targeted} modules").format(
            kind=receipt.kind,
            rank=receipt.rank,
            matched=receipt.modules_matched,
            targeted=receipt.modules_targeted,
        )
        notes = " ".join(receipt.notes)
        self._note.say(words + (f". {notes}" if notes else ""))
        self._show_facts()

    def show_problem(self, problem: Problem) -> None:
        """It could not be attached."""
        self._forget_receipt()
        self._note.say(problem.sentence, error=True)

    def show_waiting(self) -> None:
        """No model is loaded; nothing is known."""
        self._forget_receipt()
        self._note.say("")

    def show_heard(self, *, alone: bool, silent: bool) -> None:
        """Whether it acts alone, and whether it rests because another one does or all are muted."""
        with QSignalBlocker(self._solo):
            self._solo.setChecked(alone)
        role = QPalette.ColorRole.PlaceholderText if silent else QPalette.ColorRole.WindowText
        if self._name.foregroundRole() is not role:
            self._name.setForegroundRole(role)

    def set_selected(self, selected: bool) -> None:
        """Whether the details panel is about it."""
        self.setForegroundRole(QPalette.ColorRole.Mid if selected else QPalette.ColorRole.Window)

    def controls(self) -> tuple[QWidget, ...]:
        """What the keyboard reaches, in order."""
        return self._tick, self._solo, self._more, self._remove, self._slider, self._box

    def take_focus(self) -> None:
        """Put the keyboard on its first control."""
        self._tick.setFocus()

    def rest(self) -> None:
        """It is off the stack: hidden, until it is about another adapter."""
        self._name.give_up()
        self.hide()

    def _tool(self, icons: Icons, icon: str) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        icons.put(button, icon)
        return button

    def _build(self) -> None:
        self._tick.setToolTip(self.tr("Whether it acts. Off, it stays at hand and contributes nothing."))
        self._solo.setToolTip(self.tr("Solo: it acts alone until this is pressed again; the others keep their ticks."))
        self._more.setToolTip(self.tr("Move it, its notes, its trigger text and its own weight"))
        self._slider.setToolTip(self.tr("Weight; arrow keys move it by 0.05, a double click sets 1"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*[theme.GRID - self.frameWidth()] * 4)
        layout.setSpacing(0)
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        row.addWidget(self._tick)
        row.addWidget(self._name, 1)
        for button in (self._solo, self._more, self._remove):
            row.addWidget(button)
        layout.addLayout(row)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._slider, 1)
        row.addWidget(self._box)
        layout.addLayout(row)
        layout.addWidget(self._note)

    def _connect_signals(self) -> None:
        self._tick.toggled.connect(self._on_toggled)
        self._slider.weight_moved.connect(self._on_weight_changed)
        self._box.valueChanged.connect(self._on_weight_changed)
        self._solo.toggled.connect(self._on_solo_toggled)
        self._more.clicked.connect(self._on_more_clicked)
        self._remove.clicked.connect(self._on_remove_clicked)
        self._name.pressed.connect(self._on_name_pressed)
        self._name.drag_moved.connect(self._on_drag_moved)
        self._name.drag_ended.connect(self._on_drag_ended)

    def _show_values(self) -> None:
        with QSignalBlocker(self._tick), QSignalBlocker(self._box):
            self._tick.setChecked(self.row.enabled)
            self._box.setValue(self.row.weight)
        self._slider.show_weight(self.row.weight)

    def _show_facts(self) -> None:
        words = receipt_words(self.row.name, self._receipt, self._about)
        self.setToolTip(theme.as_tooltip(words))
        self._tick.setAccessibleDescription(words)  # for those who don't hover

    def _forget_receipt(self) -> None:
        if self._receipt is not None:
            self._receipt = None
            self._show_facts()

    def _change(self, row: Lora) -> None:
        if row != self.row:
            self.row = row
            self._show_values()
            self.row_changed.emit(row)

    def _on_toggled(self, enabled: bool) -> None:
        self._change(msgspec.structs.replace(self.row, enabled=enabled))

    def _on_weight_changed(self, weight: float) -> None:
        self._change(msgspec.structs.replace(self.row, weight=round(weight, 2)))

    def _on_solo_toggled(self, alone: bool) -> None:
        self.solo_requested.emit(self.row.id, alone)

    def _on_more_clicked(self) -> None:
        self.menu_requested.emit(self.row.id, self._more.mapToGlobal(self._more.rect().bottomLeft()))

    def _on_remove_clicked(self) -> None:
        self.removal_requested.emit(self.row.id)

    def _on_name_pressed(self) -> None:
        self.row_selected.emit(self.row.id)

    def _on_drag_moved(self, at: QPoint) -> None:
        self.drag_moved.emit(self.row.id, at)

    def _on_drag_ended(self, dropped: bool) -> None:
        self.drag_ended.emit(self.row.id, dropped)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """A click anywhere selects it."""
        self.row_selected.emit(self.row.id)
        super().mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """The right button and the menu key open the same as the button does."""
        self.menu_requested.emit(self.row.id, event.globalPos())
