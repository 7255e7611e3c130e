"""The menu's verbs for the whole stack: fold it, verify it, write it to disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMenu

from desktop.api import ExportReport
from desktop.library.sizes import size_in_words
from desktop.session.plans import Loaded, Proved, State

if TYPE_CHECKING:
    from .proof_dialog import ProofDialog


class StackActions(QObject):
    """Greyed out, with the reason as tooltip, where the loader can't."""

    #: Compute the stack in this mode.
    mode_wanted = Signal(str)
    #: Prove the stack.
    proof_wanted = Signal()
    #: Write the stack: "adapter" or "model", and the folder.
    export_wanted = Signal(str, str)
    #: Something was done, in a sentence.
    said = Signal(str)

    def __init__(self, window: QMainWindow, menu: QMenu, loras: Path, models: Path) -> None:
        """Adds the verbs to the menu; `loras` and `models` are where the library keeps them."""
        super().__init__(window)
        self._window = window
        self._homes = {"adapter": loras, "model": models}
        self._loaded: Loaded | None = None
        self._state = State.EMPTY
        self._dialog: ProofDialog | None = None
        menu.setToolTipsVisible(True)
        menu.addSeparator()
        self.fold = self._add(menu, self.tr("Fold into &the weights"))
        self.fold.setCheckable(True)
        self.prove = self._add(menu, self.tr("&Verify the stack"))
        self.export_adapter = self._add(menu, self.tr("Export as one ada&pter..."))
        self.export_model = self._add(menu, self.tr("Export &merged into a copy of the base..."))
        self.fold.triggered.connect(self._on_fold)
        self.prove.triggered.connect(self.proof_wanted)
        self.export_adapter.triggered.connect(self._on_export_adapter)
        self.export_model.triggered.connect(self._on_export_model)
        self._show()

    def show_loaded(self, loaded: Loaded | None) -> None:
        """Another model, or none: computed exactly."""
        self._loaded = loaded
        self.fold.setChecked(False)
        self._show()

    def show_state(self, state: State) -> None:
        """Whether there is time for it."""
        self._state = state
        self._show()

    @Slot(str)
    def show_mode(self, mode: str) -> None:
        """How the stack is computed now."""
        self.fold.setChecked(mode == "folded")

    @Slot(object)
    def show_proved(self, proved: Proved) -> None:
        """Open the dialog with what came of it."""
        if self._dialog is None:
            from .proof_dialog import ProofDialog

            self._dialog = ProofDialog(self._window)
        self._dialog.show_proved(proved)
        self._dialog.show()
        self._dialog.raise_()

    @Slot(object)
    def show_exported(self, report: ExportReport) -> None:
        """Say where it is."""
        size = size_in_words(report.bytes)
        words = self.tr("Written to {folder}, {size}.").format(folder=report.folder, size=size)
        self.said.emit(" ".join((words, *report.notes)))

    def _add(self, menu: QMenu, text: str) -> QAction:
        action = QAction(text, self._window)
        menu.addAction(action)
        return action

    def _show(self) -> None:
        can = self._loaded.capabilities if self._loaded else None
        for action, able, words in (
            (self.fold, can and can.fold, self.tr("Merged weights stand in for the base's; off, those come back.")),
            (self.prove, can and can.logits, self.tr("Prove that each adapter acts and that the base comes back.")),
            (self.export_adapter, can and can.export, self.tr("One LoRA that does what the whole stack does.")),
            (self.export_model, can and can.export, self.tr("A model of its own with the stack inside.")),
        ):
            action.setEnabled(bool(able) and self._state is State.READY)
            unable = self.tr("This loader can't do that.") if can else self.tr("Load a model first.")
            action.setToolTip(words if able else unable)

    def _on_fold(self, folded: bool) -> None:
        self.mode_wanted.emit("folded" if folded else "exact")

    def _on_export_adapter(self) -> None:
        self._ask("adapter", self.tr("A name for the one adapter"))

    def _on_export_model(self) -> None:
        self._ask("model", self.tr("A name for the merged model"))

    def _ask(self, what: str, title: str) -> None:
        home = self._homes[what]
        home.mkdir(parents=True, exist_ok=True)
        # A new folder is made, so the dialog for saving asks for its name; what exists is refused later.
        options = QFileDialog.Option.DontConfirmOverwrite
        path, _ = QFileDialog.getSaveFileName(self._window, title, str(home / "stack"), options=options)
        if path:
            self.export_wanted.emit(what, path)
