"""The button with the presets of sampling: choose one, save what is set, delete one's own."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QMessageBox, QPushButton, QWidget

from desktop.library.presets import Preset

from . import theme
from .preset_name_dialog import PresetNameDialog


class PresetMenu(QPushButton):
    """Says what is wanted; whoever listens has the values."""

    #: Set these values: Preset.
    preset_chosen = Signal(object)
    #: Keep what is set under this name.
    save_requested = Signal(str)
    #: Delete the preset of this name.
    delete_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Without presets before `show_presets`."""
        super().__init__(parent)
        self.setText(self.tr("Presets"))
        self.setToolTip(self.tr("Settings under a name: take one, or keep those that are set now."))
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self.setMenu(self._menu)
        self.names = PresetNameDialog(self)
        self.names.name_chosen.connect(self.save_requested)
        self._presets: dict[str, Preset] = {}
        self._asked = ""
        self.show_presets(())

    def show_presets(self, presets: Sequence[Preset]) -> None:
        """These are there."""
        self._presets = {preset.name: preset for preset in presets}
        own = [preset.name for preset in presets if not preset.shipped and not preset.file]
        self.names.know_taken(own)
        self._menu.clear()
        for preset in presets:
            action = self._add(self._menu, preset.name, self._on_chosen)
            action.setEnabled(not preset.problem)
            action.setToolTip(theme.as_tooltip(preset.problem or preset.note) if preset.problem or preset.note else "")
        self._menu.addSeparator()
        save = self._menu.addAction(self.tr("&Save these settings..."))
        save.triggered.connect(self.names.ask)
        deleting = self._menu.addMenu(self.tr("&Delete"))
        deleting.setEnabled(bool(own))
        for name in own:
            self._add(deleting, name, self._on_delete)

    def _add(self, menu: QMenu, name: str, act: object) -> QAction:
        action = menu.addAction(name.replace("&", "&&"))
        action.setData(name)
        action.triggered.connect(act)
        return action

    def _on_chosen(self) -> None:
        self.preset_chosen.emit(self._presets[self.sender().data()])  # type: ignore[attr-defined]

    def _on_delete(self) -> None:
        self._asked = self.sender().data()  # type: ignore[attr-defined]
        box = QMessageBox(self)
        box.setWindowTitle(self.tr("Delete a preset"))
        box.setText(self.tr("Delete the preset {name}? It can't be brought back.").format(name=repr(self._asked)))
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.addButton(self.tr("Delete"), QMessageBox.ButtonRole.DestructiveRole).clicked.connect(self._on_sure)
        box.open()

    def _on_sure(self) -> None:
        self.delete_requested.emit(self._asked)
