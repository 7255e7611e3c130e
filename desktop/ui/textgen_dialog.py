"""Uses a folder of text-generation-webui: shows what it holds before anything happens, and which folders are in use."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop.library.textgen.looking import Fault, Report
from desktop.library.textgen.words import counts_in_words, fault_in_words
from desktop.session.shelf_plans import LinkedFolder

from . import theme
from .lists import set_rows
from .tick_box import TickBox

PATH_ROLE = Qt.ItemDataRole.UserRole
SHARES = 1000
"""Steps of the bar."""


class TextgenDialog(QDialog):
    """Not modal. Nothing is used or copied before its button is pressed."""

    #: Look what this folder holds.
    look_wanted = Signal(str)
    #: Use the folder of this report, or copy from it: Report, and whether to copy.
    take_wanted = Signal(object, bool)
    #: Use this folder no more.
    forget_wanted = Signal(str)
    #: Leave off looking or copying.
    stop_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """About no folder yet."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Use a text-generation-webui folder"))
        self.resize(640, 560)
        self._report: Report | None = None
        self._busy = False
        self._folder = theme.Elided(self.tr("No folder is chosen."))
        self._choose = QPushButton(self.tr("&Choose a folder..."))
        self._told = theme.Note(parent=self)
        self._faults = QPlainTextEdit()
        self._faults.setReadOnly(True)
        self._faults.setTabChangesFocus(True)
        self._faults.setAccessibleName(self.tr("What can't be used"))
        self._copy = TickBox(self.tr("Co&py it into the program's folder instead of using it in place"))
        self._bar = QProgressBar()
        self._bar.setRange(0, SHARES)
        self._bar.setAccessibleName(self.tr("How much is copied"))
        self._take = QPushButton(self.tr("&Use this folder"))
        self._stop = QPushButton(self.tr("&Stop"))
        self._linked = QListWidget()
        self._linked.setAccessibleName(self.tr("Folders that are used in place"))
        self._linked.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        set_rows(self._linked)
        self._forget = QPushButton(self.tr("&Forget it"))
        self._forget.setToolTip(self.tr("Use it no more. Nothing in it is touched."))
        self._close = QPushButton(self.tr("Close"))
        self._build()
        self._connect_signals()
        self._show()

    def ask(self) -> None:
        """Open; what was looked at last is still there."""
        self.show()
        self.raise_()
        self.activateWindow()
        self._choose.setFocus()

    @Slot(object)
    def show_report(self, report: Report) -> None:
        """What the folder holds is known."""
        self._report, self._busy = report, False
        self._folder.say(report.folder)
        self._told.say(counts_in_words(report), error=not report.found)
        self._show_faults((*report.faults, *report.notes))
        self._show()

    @Slot(str, float)
    def show_copied(self, name: str, share: float) -> None:
        """It is being copied."""
        self._bar.setValue(round(share * SHARES))
        self._told.say(self.tr("Copying {name}").format(name=name))

    @Slot(str, object)
    def show_taken(self, sentence: str, left: Sequence[Fault]) -> None:
        """It is used or copied; `left`: what was not."""
        self._report, self._busy = None, False
        self._told.say(sentence)
        self._show_faults(left)
        self._show()

    @Slot(str)
    def show_refusal(self, sentence: str) -> None:
        """It can't be done."""
        self._busy = False
        self._told.say(sentence, error=True)
        self._show()

    @Slot(list)
    def show_linked(self, folders: Sequence[LinkedFolder]) -> None:
        """These are used in place."""
        self._linked.clear()
        for folder in folders:
            words = "{path}" if folder.there else self.tr("{path} (not there now)")
            item = QListWidgetItem(" ".join(words.format(path=folder.path).split()), self._linked)
            item.setData(PATH_ROLE, folder.path)
            away = self.tr("What it holds is listed again as soon as it is back: press F5.")
            item.setToolTip(theme.as_tooltip(folder.path if folder.there else away))
        if folders:
            self._linked.setCurrentRow(0)
        self._show()

    def _build(self) -> None:
        choosing = QHBoxLayout()
        choosing.setSpacing(theme.GAP)
        choosing.addWidget(self._folder, 1)
        choosing.addWidget(self._choose)
        taking = QHBoxLayout()
        taking.setSpacing(theme.GAP)
        taking.addWidget(self._bar, 1)
        taking.addStretch(0)
        taking.addWidget(self._stop)
        taking.addWidget(self._take)
        label = QLabel(self.tr("Used i&n place"))
        label.setBuddy(self._linked)
        below = QHBoxLayout()
        below.setSpacing(theme.GAP)
        below.addWidget(self._forget)
        below.addStretch(1)
        below.addWidget(self._close)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addLayout(choosing)
        layout.addWidget(self._told)
        layout.addWidget(self._faults, 2)
        layout.addWidget(self._copy)
        layout.addLayout(taking)
        layout.addWidget(label)
        layout.addWidget(self._linked, 1)
        layout.addLayout(below)
        for button in (self._choose, self._take, self._stop, self._forget, self._close):
            button.setAutoDefault(False)

    def _connect_signals(self) -> None:
        self._choose.clicked.connect(self._on_choose)
        self._copy.toggled.connect(self._show)
        self._take.clicked.connect(self._on_take)
        self._stop.clicked.connect(self.stop_wanted)
        self._linked.currentRowChanged.connect(self._show)
        self._forget.clicked.connect(self._on_forget)
        self._close.clicked.connect(self.close)

    def _show(self) -> None:
        report = self._report
        self._choose.setEnabled(not self._busy)
        self._copy.setEnabled(not self._busy)
        self._take.setEnabled(not self._busy and report is not None and bool(report.found))
        self._take.setText(self.tr("&Copy") if self._copy.isChecked() else self.tr("&Use this folder"))
        self._stop.setVisible(self._busy)
        self._bar.setVisible(self._busy and report is not None)
        self._forget.setEnabled(self._linked.currentItem() is not None)

    def _show_faults(self, faults: Sequence[Fault]) -> None:
        self._faults.setPlainText("\n".join(fault_in_words(fault) for fault in faults))

    @Slot()
    def _on_choose(self) -> None:
        title = self.tr("Choose the folder of text-generation-webui")
        if folder := QFileDialog.getExistingDirectory(self, title):
            self._report, self._busy = None, True
            self._folder.say(folder)
            self._told.say(self.tr("Looking what it holds"))
            self._show_faults(())
            self._show()
            self.look_wanted.emit(folder)

    @Slot()
    def _on_take(self) -> None:
        self._busy = True
        self._bar.setValue(0)
        self._show()
        self.take_wanted.emit(self._report, self._copy.isChecked())

    @Slot()
    def _on_forget(self) -> None:
        self.forget_wanted.emit(self._linked.currentItem().data(PATH_ROLE))
