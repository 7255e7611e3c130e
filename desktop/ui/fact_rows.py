"""Facts below each other, each with its name: short ones in one line, lists wrapped, all of them to be selected."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QSizePolicy, QWidget

from . import theme

_TOP = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft


class Wrapped(QLabel):
    """A list of words that wraps; plain text, whatever a stranger's file says."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(_TOP)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)

    def say(self, text: str) -> None:
        """Show this text."""
        self.setText(" ".join(text.split()))
        # A single word may still be wider than the panel.
        self.setToolTip(theme.as_tooltip(self.text()))


class FactRows(QWidget):
    """A row is made once and hidden while there is nothing to say: anew at every click would lay all out each time."""

    def __init__(self, titles: Mapping[str, str], wrapped: frozenset[str], parent: QWidget | None = None) -> None:
        """`titles` has what the user reads by the name of each fact, in order; those of `wrapped` may be long."""
        super().__init__(parent)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(theme.GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form = form
        self._values: dict[str, Wrapped | theme.Elided] = {}
        self._shown: set[str] = set()
        for name, title in titles.items():
            value = Wrapped() if name in wrapped else theme.Elided()
            value.setFont(theme.tabular(value.font()))
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label = QLabel(title)
            label.setAlignment(_TOP)
            form.addRow(label, value)
            form.setRowVisible(value, False)
            self._values[name] = value

    def show_facts(self, facts: Mapping[str, str]) -> None:
        """Show these values by the names of the facts, and hide the rows of the others."""
        shown = {name for name in self._values if facts.get(name)}
        changed = shown ^ self._shown
        if changed:
            # Every row that comes into sight would lay the whole panel out, if this were in sight itself.
            self.hide()
        for name in shown:
            self._values[name].say(facts[name])
        for name in changed:
            self._form.setRowVisible(self._values[name], name in shown)
        self._shown = shown
        self.show()
