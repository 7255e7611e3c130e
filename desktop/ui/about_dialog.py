"""About: what this is, and the versions a bug report needs."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QVBoxLayout, QWidget

from desktop import __version__

from . import theme


class AboutDialog(QDialog):
    """Not modal."""

    def __init__(self, versions: Mapping[str, str], parent: QWidget | None = None) -> None:
        """`versions` are those of the loaders' libraries, as far as they are known."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("About LoRA Deck"))
        self.resize(460, 340)
        known = {"lora-deck": __version__, "Python": platform.python_version(), "Qt": qVersion(), **versions}
        self._lines = "\n".join([*(f"{name} {version}" for name, version in known.items()), platform.platform()])
        text = QPlainTextEdit(self._lines)
        text.setReadOnly(True)
        text.setFont(theme.fixed_width_font())
        text.setAccessibleName(self.tr("Versions"))
        buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton(self.tr("Copy the versions"), QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(self._on_copy)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(theme.heading("LoRA Deck"))
        layout.addWidget(
            theme.Note(
                self.tr("Run language models on your own machine and shape them with LoRA adapters. Apache-2.0.")
            )
        )
        layout.addWidget(text, 1)
        layout.addWidget(buttons)

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._lines)
