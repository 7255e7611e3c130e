"""Asks before an address that a model wrote is opened in the browser."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox, QWidget


class LinkQuestion(QMessageBox):
    """Shows the whole address, as text."""

    def __init__(self, address: str, parent: QWidget | None = None) -> None:
        """Not shown yet; deletes itself when it is closed."""
        super().__init__(parent)
        self._address = address
        self.setIcon(QMessageBox.Icon.Question)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(self.tr("Open this address in the browser? A model wrote it.") + f"\n\n{address}")
        self.setStandardButtons(QMessageBox.StandardButton.Cancel)
        self.addButton(self.tr("Open"), QMessageBox.ButtonRole.AcceptRole).clicked.connect(self._on_agreed)
        self.finished.connect(self.deleteLater)

    def _on_agreed(self) -> None:
        QDesktopServices.openUrl(QUrl(self._address))
