"""All runs: what became of each, their curves laid over one another, and what can be done with one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QItemSelectionModel, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMessageBox, QPushButton, QVBoxLayout, QWidget

from desktop.library.runs.listing import RunEntry
from desktop.session.train_plans import RunLook

from . import theme
from .icons import Icons
from .thin_splitter import ThinSplitter
from .train_plot import TrainPlot
from .train_table import TextTable, make_view

OVERLAID = 8
"""Curves that can be told apart."""


class TrainRunsPage(QWidget):
    """Says what is wanted of the selected runs."""

    #: Show this run.
    open_wanted = Signal(str)
    #: The curves of these runs are wanted: tuple of ids.
    curves_wanted = Signal(object)
    #: Fill the form with the parameters of this run: RunEntry.
    copy_wanted = Signal(object)
    #: Go on with this run.
    resume_wanted = Signal(str)
    #: Move this run to the trash; the user is sure.
    trash_wanted = Signal(str)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """No run is known."""
        super().__init__(parent)
        self._entries: dict[str, RunEntry] = {}
        self._asked = ""
        titles = (
            self.tr("Name"), self.tr("State"), self.tr("Base"), self.tr("Rows"), self.tr("Loss"),
            self.tr("Evaluation"), self.tr("When"),
        )  # fmt: skip
        self._table = TextTable(titles, (3, 4, 5))
        self._view = make_view(self._table, self.tr("Training runs"), 0)
        for column, width in ((1, 112), (2, 100), (3, 44), (4, 60), (5, 76), (6, 86)):
            self._view.setColumnWidth(column, width)
        self._none = theme.Note(self.tr("No runs yet. Fill the form at the left and press Start training."))
        self._facts = theme.Note()
        self._open = self._button(icons, self.tr("Show"), "mdi6.chart-line")
        self._copy = self._button(icons, self.tr("Copy parameters"), "mdi6.content-copy")
        self._resume = self._button(icons, self.tr("Resume"), "mdi6.play-outline")
        self._folder = self._button(icons, self.tr("Open folder"), "mdi6.folder-open-outline")
        self._trash = self._button(icons, self.tr("Delete"), "mdi6.trash-can-outline")
        self._plot = TrainPlot(self.tr("Smoothed loss of the selected runs"))
        self._legend = QLabel()
        self._legend.setWordWrap(True)
        self._build()
        self._view.selectionModel().selectionChanged.connect(self._on_selected)
        self._view.doubleClicked.connect(self._on_open)
        self._open.clicked.connect(self._on_open)
        self._copy.clicked.connect(self._on_copy)
        self._resume.clicked.connect(self._on_resume)
        self._folder.clicked.connect(self._on_folder)
        self._trash.clicked.connect(self._on_trash)
        self.show_runs(())

    def show_runs(self, entries: Sequence[RunEntry]) -> None:
        """The runs were listed."""
        self._entries = {entry.id: entry for entry in entries}
        selected = self._selected()
        self._table.show_rows(
            [self._cells(entry) for entry in entries],
            [entry.id for entry in entries],
            [entry.problem or entry.sentence for entry in entries],
        )
        self._view.setVisible(bool(entries))
        self._none.setVisible(not entries)
        self._select([run_id for run_id in selected if run_id in self._entries])
        self._on_selected()

    def show_curves(self, looks: Sequence[RunLook]) -> None:
        """The curves of the selected runs came."""
        wanted = self._selected()[:OVERLAID]
        shown = [look for look in looks if look.id in wanted and look.curves.step]
        self._plot.drop_lines(tuple(look.id for look in shown))
        self._plot.drop_lines()
        entries = []
        for number, look in enumerate(shown):
            self._plot.show_line(look.id, look.curves.step, look.curves.smoothed, number)
            colour = self._plot.colour_of(look.id).name()
            entries.append(f'<font color="{colour}">\N{BLACK SQUARE}</font> {escape(look.id)}')
        self._plot.show_whole()
        self._legend.setText(" · ".join(entries))

    def _button(self, icons: Icons, text: str, icon: str) -> QPushButton:
        button = QPushButton(text)
        icons.put(button, icon)
        return button

    def _build(self) -> None:
        upper, lower = QWidget(), QWidget()
        above, below = QVBoxLayout(upper), QVBoxLayout(lower)
        for layout in (above, below):
            layout.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
            layout.setSpacing(theme.GAP)
        row = QHBoxLayout()
        for button in (self._open, self._copy, self._resume, self._folder, self._trash):
            row.addWidget(button)
        row.addStretch(1)
        above.addWidget(self._none)
        above.addWidget(self._view, 1)
        above.addLayout(row)
        below.addWidget(self._facts)
        below.addWidget(self._legend)
        below.addWidget(self._plot, 1)
        split = ThinSplitter(Qt.Orientation.Vertical)
        split.addWidget(upper)
        split.addWidget(lower)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(split)

    def _cells(self, entry: RunEntry) -> tuple[str, ...]:
        at = f" {entry.step}/{entry.steps}" if entry.steps and entry.phase != "finished" else ""
        begun = time.localtime(entry.created)
        form = "%m-%d %H:%M" if begun.tm_year == time.localtime().tm_year else "%Y-%m-%d"
        when = time.strftime(form, begun) if entry.created else ""
        return (
            entry.name or entry.id,
            self.tr("unreadable") if entry.problem else entry.phase + at,
            entry.base,
            str(entry.rows or ""),
            "" if entry.loss is None else f"{entry.loss:.4f}",
            "" if entry.evaluation_loss is None else f"{entry.evaluation_loss:.4f}",
            when,
        )

    def _selected(self) -> list[str]:
        rows = sorted({index.row() for index in self._view.selectionModel().selectedRows()})
        return [key for row in rows if (key := self._table.key(row))]

    def _select(self, run_ids: Sequence[str]) -> None:
        model = self._view.selectionModel()
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for run_id in run_ids:
            model.select(self._table.index(self._table.row_of(run_id), 0), flags)

    def _one(self) -> RunEntry | None:
        selected = self._selected()
        return self._entries.get(selected[0]) if len(selected) == 1 else None

    def _facts_of(self, entry: RunEntry) -> str:
        parts = [entry.problem or entry.sentence]
        if entry.run is not None:
            changed = self.tr("rank {rank}, alpha {alpha:g}, learning rate {rate:g}, {epochs:g} epochs, batch {batch}")
            one = entry.run.settings
            parts.append(changed.format(
                rank=one.rank, alpha=one.alpha, rate=one.learning_rate, epochs=one.epochs, batch=one.batch_size
            ))  # fmt: skip
        if entry.rows_hash:
            parts.append(self.tr("rows {count}, sha256 {hash}").format(count=entry.rows, hash=entry.rows_hash[:16]))
        if entry.parents:
            parts.append(self.tr("from {names}").format(names=" + ".join(entry.parents)))
        return "\n".join(part for part in parts if part)

    @Slot()
    def _on_selected(self) -> None:
        one = self._one()
        whole = one is not None and not one.problem
        alive = one is not None and one.alive
        for button in (self._open, self._copy):
            button.setEnabled(whole)
        self._folder.setEnabled(one is not None)
        self._resume.setEnabled(whole and one is not None and not alive and one.phase != "finished")
        self._trash.setEnabled(one is not None and not alive)
        self._facts.say(self._facts_of(one) if one is not None else "")
        self.curves_wanted.emit(tuple(self._selected()[:OVERLAID]))

    @Slot()
    def _on_open(self) -> None:
        if (one := self._one()) is not None and not one.problem:
            self.open_wanted.emit(one.id)

    @Slot()
    def _on_copy(self) -> None:
        if (one := self._one()) is not None:
            self.copy_wanted.emit(one)

    @Slot()
    def _on_resume(self) -> None:
        if (one := self._one()) is not None:
            self.resume_wanted.emit(one.id)

    @Slot()
    def _on_folder(self) -> None:
        if (one := self._one()) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(one.path))

    @Slot()
    def _on_trash(self) -> None:
        one = self._one()
        if one is None:
            return
        self._asked = one.id
        box = QMessageBox(self)
        box.setWindowTitle(self.tr("Delete a run"))
        words = self.tr(
            "Move the run {id} with its log and its checkpoints to the trash? Its adapter in the library stays."
        )
        box.setText(words.format(id=one.id))
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.addButton(self.tr("Move to the trash"), QMessageBox.ButtonRole.DestructiveRole).clicked.connect(
            self._on_sure
        )
        box.open()

    @Slot()
    def _on_sure(self) -> None:
        self.trash_wanted.emit(self._asked)
