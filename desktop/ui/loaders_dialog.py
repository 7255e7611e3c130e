"""Loaders and devices: what each loader is and whether it can run here; what torch sees and what the machine has."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop.discovery.describer import Found
from desktop.discovery.devices import DeviceLine
from desktop.discovery.words import capabilities_in_words, one_line

from . import theme


class LoadersDialog(QDialog):
    """Not modal."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Nothing is known yet."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Loaders and devices"))
        self.resize(680, 560)
        self._loaders = QVBoxLayout()
        self._devices = QVBoxLayout()
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setSpacing(theme.MARGIN)
        layout.addWidget(theme.heading(self.tr("Devices")))
        layout.addLayout(self._devices)
        layout.addWidget(theme.heading(self.tr("Loaders")))
        layout.addLayout(self._loaders)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setAccessibleName(self.tr("Loaders and devices"))
        buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        outer = QVBoxLayout(self)
        outer.addWidget(scroll)
        outer.addWidget(buttons)
        self._devices.addWidget(theme.Note(self.tr("Asking torch what it sees...")))
        self._loaders.addWidget(theme.Note(self.tr("Asking the loaders...")))

    def show_loaders(self, found: Sequence[Found], notes: Sequence[str]) -> None:
        """The loaders answered."""
        _empty(self._loaders)
        for note in notes:
            self._loaders.addWidget(theme.Note(note))
        for loader in found:
            self._loaders.addWidget(self._block(loader))

    def show_devices(self, lines: Sequence[DeviceLine]) -> None:
        """The interpreters answered."""
        _empty(self._devices)
        for line in lines:
            self._devices.addWidget(self._paragraph(line.title, [line.words], error=bool(line.command)))
            if line.command:
                self._devices.addWidget(self._command(line.command))

    def _block(self, found: Found) -> QWidget:
        info = found.info
        if info is None:
            words = self.tr("Can't be used: {error}").format(error=found.error)
            return self._paragraph(found.ref.name, [words], error=True)
        versions = ", ".join(f"{name} {version}" for name, version in info.versions.items())
        lines = [info.summary, self.tr("Runs here.") if info.available else ""]
        if not info.available:
            lines.append(self.tr("Can't run here: {reason}").format(reason=info.reason))
        lines += ["; ".join(capabilities_in_words(info.capabilities)), versions]
        lines.append(f"{found.ref.distribution} {found.ref.version}".strip())
        return self._paragraph(info.title, lines, error=False)

    def _paragraph(self, title: str, lines: Sequence[str], *, error: bool) -> QWidget:
        block = QWidget()
        layout = QVBoxLayout(block)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GRID)
        name = theme.Elided(one_line(title))
        font = name.font()
        font.setBold(True)
        name.setFont(font)
        layout.addWidget(name)
        for line in lines:
            if line:
                note = theme.Note(parent=block)
                note.say(one_line(line), error=error)
                layout.addWidget(note)
        return block

    def _command(self, command: str) -> QWidget:
        """The command that mends it, to be copied."""
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        text = QLineEdit(command)
        text.setReadOnly(True)
        text.setFont(theme.fixed_width_font())
        text.setAccessibleName(self.tr("Command that mends it"))
        text.setCursorPosition(0)
        copy = QPushButton(self.tr("Copy"))
        copy.setAccessibleName(self.tr("Copy the command"))
        copy.setProperty("command", command)
        copy.clicked.connect(self._on_copy)
        layout.addWidget(text, 1)
        layout.addWidget(copy)
        return row

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(str(self.sender().property("command")))


def _empty(layout: QVBoxLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.setParent(None)
            widget.deleteLater()
