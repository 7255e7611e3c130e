"""The dialogs and what comes of them: adapters to add, a model to choose. Only the system's own are modal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop.discovery.describer import Found
from desktop.discovery.devices import DeviceLine
from desktop.library.adapters import AdapterEntry

from .adapter_chooser import AdapterChooser
from .dropped import sort_dropped

if TYPE_CHECKING:
    from .loaders_dialog import LoadersDialog


class Dialogs(QObject):
    """Made when they are first wanted, kept afterwards."""

    #: Put this adapter on the stack: path, name (empty for the folder's own).
    adapter_chosen = Signal(str, str)
    #: Choose this model: its path.
    model_chosen = Signal(str)
    #: Something chosen or dropped can't be used: a sentence.
    refused = Signal(str)
    #: The loaders and devices dialog was opened and wants to know.
    loaders_wanted = Signal()

    def __init__(self, window: QWidget) -> None:
        """`window` is what they stand before."""
        super().__init__(window)
        self._window = window
        self.chooser = AdapterChooser(window)
        self.chooser.adapter_chosen.connect(self._on_entry_chosen)
        self._loaders: LoadersDialog | None = None
        self._versions: dict[str, str] = {}

    def know_versions(self, versions: dict[str, str]) -> None:
        """Versions of libraries, for About."""
        self._versions |= versions

    def take(self, paths: Sequence[Path]) -> None:
        """Sort what was dropped or chosen."""
        dropped = sort_dropped(paths)
        for path in dropped.adapters:
            self.adapter_chosen.emit(str(path), "")
        if dropped.models:
            self.model_chosen.emit(str(dropped.models[0]))
        if dropped.others:
            self.refused.emit(
                self.tr(
                    "{names}: neither an adapter (a folder with adapter_config.json) nor a model (a folder with "
                    "config.json, or a .gguf or .safetensors file)."
                ).format(names=", ".join(path.name for path in dropped.others))
            )

    @Slot()
    def ask_for_adapter(self) -> None:
        """Choose adapters of the library."""
        self.chooser.ask()

    @Slot()
    def ask_for_adapter_folder(self) -> None:
        """Choose an adapter on the disk."""
        folder = QFileDialog.getExistingDirectory(self._window, self.tr("Choose an adapter's folder"))
        if folder:
            self.take([Path(folder)])

    @Slot(bool)
    def ask_for_model(self, folder: bool) -> None:
        """Choose a model's folder or file on the disk."""
        title = self.tr("Choose a model")
        if folder:
            path = QFileDialog.getExistingDirectory(self._window, title)
        else:
            kinds = self.tr("Models (*.gguf *.safetensors *.bin *.pt);;All files (*)")
            path = QFileDialog.getOpenFileName(self._window, title, "", kinds)[0]
        if path:
            self.model_chosen.emit(path)

    @Slot()
    def show_loaders(self) -> None:
        """Open the dialog about loaders and devices."""
        from .loaders_dialog import LoadersDialog

        if self._loaders is None:
            self._loaders = LoadersDialog(self._window)
        self._loaders.show()
        self._loaders.raise_()
        self._loaders.activateWindow()
        self.loaders_wanted.emit()

    @Slot()
    def show_about(self) -> None:
        """Open the dialog with the versions."""
        from .about_dialog import AboutDialog

        AboutDialog(self._versions, self._window).show()

    @Slot(list, list)
    def take_loaders(self, found: list[Found], notes: list[str]) -> None:
        """The loaders answered."""
        for loader in found:
            self.know_versions(loader.info.versions if loader.info else {})
        if self._loaders is not None:
            self._loaders.show_loaders(found, notes)

    @Slot(list)
    def take_devices(self, lines: list[DeviceLine]) -> None:
        """The interpreters told what torch sees."""
        if self._loaders is not None:
            self._loaders.show_devices(lines)

    @Slot(object)
    def _on_entry_chosen(self, entry: AdapterEntry) -> None:
        self.adapter_chosen.emit(entry.path, entry.name)
