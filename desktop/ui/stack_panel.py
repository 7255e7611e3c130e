"""The adapter stack: always in sight, never behind a mode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, QPoint, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from desktop.api import Lora
from desktop.library.adapter_notes import AdapterNote, Notes, adapter_key
from desktop.library.fit import Fit
from desktop.library.names import make_row_id
from desktop.session.plans import StackReport

from . import theme
from .icons import Icons
from .row_menu import RowMenu
from .stack_effect import StackEffect
from .stack_heading import StackHeading
from .stack_list import StackList

if TYPE_CHECKING:
    from .note_dialog import NoteDialog


class StackPanel(QWidget):
    """Holds the rows as the user wants them; the session makes them true."""

    #: The stack as it is to act: tuple of Lora.
    stack_edited = Signal(object)
    #: Choose an adapter of the library.
    library_requested = Signal()
    #: Choose an adapter's folder on the disk.
    folder_requested = Signal()
    #: A row was selected: its Lora, or None where there is no row any more.
    row_selected = Signal(object)
    #: The verdict about an adapter is wanted: its path.
    fit_wanted = Signal(str)
    #: Something was written down about an adapter: its path, AdapterNote.
    note_edited = Signal(str, object)
    #: Put this text into the prompt.
    trigger_requested = Signal(str)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._selected = ""
        self._solo = ""
        """The row that acts alone."""
        self._report = StackReport(rows=())
        self._notes: Notes = {}
        self._menu: RowMenu | None = None
        self._note_dialog: NoteDialog | None = None
        self._mute = QToolButton()
        self._mute.setCheckable(True)
        self._mute.setAutoRaise(True)
        self._mute.setAccessibleName(self.tr("Mute all"))
        self._mute.setToolTip(
            self.tr("Mute all: the base answers alone until this is pressed again; the adapters keep their ticks.")
        )
        icons.put(self._mute, "mdi6.volume-off")
        self._add = QPushButton(self.tr("Add"))
        self._add.setToolTip(self.tr("Put an adapter on the stack (Ctrl+L)"))
        icons.put(self._add, "mdi6.plus")
        menu = QMenu(self._add)
        self._library_action = menu.addAction(self.tr("From the &library..."))
        self._folder_action = menu.addAction(self.tr("From a &folder..."))
        self._add.setMenu(menu)
        self._heading = StackHeading()
        self._list = StackList(icons, self.tr("No adapters yet. Press Add, or drop an adapter's folder here."))
        self.effect = StackEffect(self)
        self._up = self._shortcut("Alt+Up")
        self._down = self._shortcut("Alt+Down")
        self._build()
        self._connect_signals()
        self._show_heard()

    def rows(self) -> tuple[Lora, ...]:
        """The stack as the user has it, each row with its own tick; what is to be saved."""
        return tuple(row.row for row in self._list.rows())

    def effective_rows(self) -> tuple[Lora, ...]:
        """The stack as it is to act: during solo and mute other rows than the ticked ones."""
        if not self._solo and not self._mute.isChecked():
            return self.rows()
        return tuple(msgspec.structs.replace(row, enabled=row.id == self._solo) for row in self.rows())

    def show_rows(self, rows: Sequence[Lora]) -> None:
        """Show another stack, without telling that it changed; solo and mute end."""
        with self._list.laid_out_once():
            for row_id in self._list.ids():
                self._list.drop(row_id)
            for row in rows:
                self._list.append(row, self._note_about(row.path))
        self._hear()
        self.effect.expect(self.effective_rows())

    def add(self, path: str, name: str = "") -> None:
        """Put an adapter at the end of the stack, with its own weight, or 1."""
        row_id = make_row_id(Path(path), self._list.ids())
        about = self._note_about(path)
        weight = 1.0 if about.weight is None else about.weight
        self._list.append(Lora(id=row_id, name=name or Path(path).name, path=path, weight=weight), about)
        self._show_heard()
        self._select(row_id)
        self.fit_wanted.emit(path)
        self._tell()

    def show_report(self, report: StackReport) -> None:
        """A change was made, or was refused for some rows."""
        self._report = report
        receipts = {receipt.id: receipt for receipt in report.receipts}
        with self._list.laid_out_once():
            for row in self._list.rows():
                if row.row.id in report.problems:
                    row.show_problem(report.problems[row.row.id])
                elif row.row.id in receipts:
                    row.show_receipt(receipts[row.row.id])
        self.row_selected.emit(self._selected_row())

    def report(self) -> StackReport:
        """What was last told of the engine's own stack."""
        return self._report

    def show_fit(self, adapter: str, _: str, fit: Fit) -> None:
        """The verdict about an adapter came; a row that is attached has something better to show."""
        attached = {row.id for row in self._report.rows} | set(self._report.problems)
        for row in self._list.rows():
            if row.row.path == adapter and row.row.id not in attached:
                row.show_fit(fit)

    def show_unloaded(self) -> None:
        """No model is loaded: receipts mean nothing any more."""
        self._report = StackReport(rows=())
        self.effect.say("")
        with self._list.laid_out_once():
            for row in self._list.rows():
                row.show_waiting()

    def show_notes(self, notes: Notes) -> None:
        """What is written down about adapters has been read, or kept."""
        self._notes = notes
        for row in self._list.rows():
            row.show_about(self._note_about(row.row.path))

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.GAP, 0, 0)
        layout.setSpacing(theme.GRID)
        top = QHBoxLayout()
        top.setContentsMargins(theme.GAP, 0, theme.MARGIN, 0)
        top.addWidget(self._heading, 0, Qt.AlignmentFlag.AlignVCenter)
        top.addStretch(1)
        top.addWidget(self._mute)
        top.addWidget(self._add)
        layout.addLayout(top)
        layout.addWidget(self._list, 1)
        layout.addWidget(self.effect)

    def _shortcut(self, keys: str) -> QShortcut:
        return QShortcut(QKeySequence(keys), self, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def _connect_signals(self) -> None:
        self._library_action.triggered.connect(self.library_requested)
        self._folder_action.triggered.connect(self.folder_requested)
        self._mute.toggled.connect(self._on_mute_toggled)
        self._up.activated.connect(self._on_up)
        self._down.activated.connect(self._on_down)
        self._list.row_changed.connect(self._on_row_changed)
        self._list.removal_requested.connect(self._on_removal_requested)
        self._list.solo_requested.connect(self._on_solo_requested)
        self._list.menu_requested.connect(self._on_menu_requested)
        self._list.row_selected.connect(self._select)
        self._list.row_dropped.connect(self._move)
        # One listener for the panel instead of a filter on each control of each row.
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.focusObjectChanged.connect(self._on_focus_changed)

    def _tell(self) -> None:
        rows = self.effective_rows()
        self.effect.expect(rows)
        self.stack_edited.emit(rows)

    def _note_about(self, path: str) -> AdapterNote:
        # An adapter nothing is known of is the rule: then the disk need not be asked for its resolved path.
        return self._notes.get(adapter_key(path), AdapterNote()) if self._notes else AdapterNote()

    def _selected_row(self) -> Lora | None:
        row = self._list.row(self._selected)
        return row.row if row else None

    def _select(self, row_id: str) -> None:
        for other in {self._selected, row_id}:
            if (row := self._list.row(other)) is not None:
                row.set_selected(other == row_id)
        self._selected = row_id
        self.row_selected.emit(self._selected_row())

    def _hear(self, solo: str = "", *, muted: bool = False) -> None:
        """Let one row act alone, or none, or all that are ticked: one of the three at a time."""
        self._solo = solo
        with QSignalBlocker(self._mute):
            self._mute.setChecked(muted)
        self._show_heard()

    def _show_heard(self) -> None:
        muted, rows = self._mute.isChecked(), self._list.rows()
        for row in rows:
            alone = row.row.id == self._solo
            row.show_heard(alone=alone, silent=not alone and (muted or bool(self._solo)))
        self._mute.setEnabled(bool(rows))
        self._heading.show_heard(solo=bool(self._solo), muted=muted)

    def _move(self, row_id: str, place: int) -> None:
        if self._list.reorder(row_id, place):
            self._tell()

    def _step(self, row_id: str, step: int) -> None:
        if row_id:
            self._move(row_id, self._list.ids().index(row_id) + step)

    def _keep_note(self, path: str, note: AdapterNote) -> None:
        self.show_notes({**self._notes, adapter_key(path): note})
        self.note_edited.emit(path, note)

    def _on_row_changed(self, _: Lora) -> None:
        self._tell()

    def _on_removal_requested(self, row_id: str) -> None:
        place = self._list.ids().index(row_id)
        had_focus = self._list.row_of(QApplication.focusWidget()) == row_id
        self._list.drop(row_id)
        left = self._list.ids()
        self._hear("" if self._solo == row_id else self._solo, muted=self._mute.isChecked() and bool(left))
        following = (left[place : place + 1] or left[-1:] or [""])[0]
        self._select(following)
        if (row := self._list.row(following)) is None:
            self._add.setFocus()
        elif had_focus:
            row.take_focus()
        self._tell()

    def _on_solo_requested(self, row_id: str, alone: bool) -> None:
        self._hear(row_id if alone else "")
        self._tell()

    def _on_mute_toggled(self, muted: bool) -> None:
        self._hear(muted=muted)
        self._tell()

    def _on_up(self) -> None:
        self._step(self._list.row_of(QApplication.focusWidget()), -1)

    def _on_down(self) -> None:
        self._step(self._list.row_of(QApplication.focusWidget()), 1)

    def _on_menu_requested(self, row_id: str, at: QPoint) -> None:
        row = self._list.row(row_id)
        if row is None:
            return
        if self._menu is None:
            self._menu = RowMenu(self)
            self._menu.move_requested.connect(self._step)
            self._menu.note_requested.connect(self._on_note_requested)
            self._menu.weight_kept.connect(self._on_weight_kept)
            self._menu.trigger_requested.connect(self._on_trigger_requested)
        ids = self._list.ids()
        about = self._note_about(row.row.path)
        self._menu.speak_of(row.row, about, first=row_id == ids[0], last=row_id == ids[-1])
        self._menu.show_at(at)

    def _on_note_requested(self, row_id: str) -> None:
        if self._note_dialog is None:
            from .note_dialog import NoteDialog

            self._note_dialog = NoteDialog(self)
            self._note_dialog.note_edited.connect(self._keep_note)
        if (row := self._list.row(row_id)) is not None:
            self._note_dialog.open_for(row.row, self._note_about(row.row.path))

    def _on_weight_kept(self, row_id: str) -> None:
        if (row := self._list.row(row_id)) is not None:
            about = self._note_about(row.row.path)
            self._keep_note(row.row.path, msgspec.structs.replace(about, weight=row.row.weight))

    def _on_trigger_requested(self, row_id: str) -> None:
        if (row := self._list.row(row_id)) is not None:
            self.trigger_requested.emit(self._note_about(row.row.path).trigger)

    def _on_focus_changed(self, now: QObject | None) -> None:
        row_id = self._list.row_of(now) if isinstance(now, QWidget) else ""
        if row_id and row_id != self._selected:
            self._select(row_id)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room for two rows and their notes."""
        return QSize(300, 240)
