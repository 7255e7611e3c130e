"""Folders of text-generation-webui in the window: wires their dialog to their keeper."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow

from desktop.session.folder_keeper import FolderKeeper

from .textgen_dialog import TextgenDialog


class TextgenDesk(QObject):
    """Made when it is first wanted."""

    def __init__(self, window: QMainWindow, keeper: FolderKeeper) -> None:
        """Nothing is read before `ask`."""
        super().__init__(window)
        self._keeper = keeper
        self.dialog = dialog = TextgenDialog(window)
        dialog.look_wanted.connect(keeper.look)
        dialog.take_wanted.connect(keeper.take)
        dialog.forget_wanted.connect(keeper.forget)
        dialog.stop_wanted.connect(keeper.stop)
        keeper.looked.connect(dialog.show_report)
        keeper.copied.connect(dialog.show_copied)
        keeper.taken.connect(dialog.show_taken)
        keeper.refused.connect(dialog.show_refusal)
        keeper.linked_listed.connect(dialog.show_linked)

    def ask(self) -> None:
        """Open the dialog."""
        self._keeper.list_linked()
        self.dialog.ask()
