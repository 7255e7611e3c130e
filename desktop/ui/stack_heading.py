"""The heading of the stack, which also tells that solo or mute is on."""

from __future__ import annotations

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QLabel, QWidget

from . import theme


class StackHeading(QLabel):
    """Solo and mute are told in its own place: a line more would move every row, and back again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Neither is on."""
        super().__init__(parent)
        self.setFont(theme.heading("").font())
        self.setContentsMargins(theme.GRID, theme.GRID // 2, theme.GRID, theme.GRID // 2)
        self.show_heard(solo=False, muted=False)

    def show_heard(self, *, solo: bool, muted: bool) -> None:
        """Whether one row acts alone, or none does."""
        if solo:
            self._say(self.tr("Solo"), self.tr("One adapter acts alone, whatever the ticks say."))
        elif muted:
            self._say(self.tr("All muted"), self.tr("The base answers alone, whatever the ticks say."))
        else:
            self._say(self.tr("Adapters"), "")
        marked, role = solo or muted, QPalette.ColorRole
        self.setAutoFillBackground(marked)
        self.setBackgroundRole(role.Highlight if marked else role.Window)
        self.setForegroundRole(role.HighlightedText if marked else role.WindowText)

    def _say(self, title: str, explanation: str) -> None:
        self.setText(title)
        self.setToolTip(explanation)
