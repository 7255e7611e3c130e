"""A form built from a settings Struct's JSON Schema: a row a field, changed ones marked and set back at a click.

Fields that the schema marks with "x-advanced" stand at the end, folded away at first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QToolButton, QWidget

from . import theme
from .schema_fields import Field, make_field

LONGEST_TITLE = 17
"""Characters of a title on one line: a narrow panel has no room for more beside a number."""
ADDED, FOLD, ADVANCED = 1000, 2000, 2001
"""Rows of the grid: the schema's own from 0, those that are added, the button that unfolds, and what it unfolds."""


class SchemaForm(QWidget):
    """Shows one object of a schema. Values that stand at their default are left out of `values`."""

    #: The user changed a value.
    values_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty before `show_schema`."""
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.GAP)
        self._grid.setVerticalSpacing(theme.GRID)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, theme.LABELS)
        self._fields: dict[str, Field] = {}
        self._labels: dict[str, QLabel] = {}
        self._resets: dict[str, QToolButton] = {}
        self._advanced: set[str] = set()
        self._added = 0
        self._fold = QToolButton()
        self._fold.setCheckable(True)
        self._fold.setAutoRaise(True)
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.setToolTip(self.tr("Show or hide the settings that are seldom changed."))
        self._fold.toggled.connect(self._show_folded)
        self._grid.addWidget(self._fold, FOLD, 0, 1, 3)
        self._show_folded()

    def show_schema(self, schema: Mapping[str, Any]) -> None:
        """Show the fields of a schema, each at its default."""
        self._clear()
        for name, field in (schema.get("properties") or {}).items():
            self._add(name, field)
        self._show_folded()

    def values(self) -> dict[str, Any]:
        """What was changed, by name."""
        return {name: field.value() for name, field in self._fields.items() if field.is_changed()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these values; names the schema doesn't have are passed over, others stand at their default."""
        for name, field in self._fields.items():
            field.set_value(values.get(name, field.default))
            self._mark(name)
        self._tell_changed()

    def set_usable(self, names: tuple[str, ...] | None, reason: str) -> None:
        """Grey out all fields but these, with the reason; None allows all."""
        for name, field in self._fields.items():
            usable = names is None or name in names
            field.widget.setEnabled(usable)
            field.widget.setToolTip(theme.as_tooltip(field.description) if usable else reason)

    def add_row(self, title: str, widget: QWidget) -> None:
        """A further row, after the schema's and aligned with them; it stays when another schema is shown."""
        label = QLabel(title)
        label.setBuddy(widget)
        row = ADDED + self._added
        self._added += 1
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(widget, row, 1)

    def _add(self, name: str, schema: Mapping[str, Any]) -> None:
        field = make_field(name, schema, self)
        if field is None:
            return
        row = len(self._fields)
        if schema.get("x-advanced"):
            self._advanced.add(name)
            row += ADVANCED
        label = QLabel(field.title)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setBuddy(field.widget)
        label.setWordWrap(len(field.title) > LONGEST_TITLE)
        label.setToolTip(theme.as_tooltip(field.description))
        field.widget.setToolTip(theme.as_tooltip(field.description))
        field.widget.setAccessibleName(field.title)
        field.widget.setAccessibleDescription(field.description)
        reset = QToolButton()
        reset.setObjectName(name)
        reset.setText("\N{ANTICLOCKWISE OPEN CIRCLE ARROW}")
        reset.setAutoRaise(True)
        words = self.tr("Set {name} back to {value}").format(name=field.title, value=field.shown_default())
        reset.setToolTip(theme.as_tooltip(words))
        reset.setAccessibleName(self.tr("Set {name} back").format(name=field.title))
        reset.clicked.connect(self._on_reset)
        field.edited.connect(self._on_edited)
        for column, widget in enumerate((label, field.widget, reset)):
            self._grid.addWidget(widget, row, column)
        self._fields[name], self._labels[name], self._resets[name] = field, label, reset
        self._mark(name)

    def _clear(self) -> None:
        for name, field in self._fields.items():
            for widget in (field.widget, self._labels[name], self._resets[name]):
                self._grid.removeWidget(widget)
                widget.deleteLater()
            field.deleteLater()
        self._fields, self._labels, self._resets, self._advanced = {}, {}, {}, set()

    def _mark(self, name: str) -> None:
        changed = self._fields[name].is_changed()
        self._resets[name].setVisible(changed and self._is_shown(name))
        font = self._labels[name].font()
        font.setBold(changed)
        self._labels[name].setFont(font)

    def _is_shown(self, name: str) -> bool:
        return name not in self._advanced or self._fold.isChecked()

    def _show_folded(self) -> None:
        shown = self._fold.isChecked()
        self._fold.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self._fold.setVisible(bool(self._advanced))
        for name in self._advanced:
            self._fields[name].widget.setVisible(shown)
            self._labels[name].setVisible(shown)
            self._mark(name)
        for name, reset in self._resets.items():
            # Its place is kept beside a field in sight, so that nothing jumps; a row that is folded away takes none.
            policy = reset.sizePolicy()
            policy.setRetainSizeWhenHidden(self._is_shown(name))
            reset.setSizePolicy(policy)
        self._tell_changed()

    def _tell_changed(self) -> None:
        changed = sum(self._fields[name].is_changed() for name in self._advanced)
        words = self.tr("More settings, {count} changed").format(count=changed) if changed else self.tr("More settings")
        self._fold.setText(words)

    def _on_reset(self) -> None:
        name = self.sender().objectName()
        field = self._fields[name]
        field.set_value(field.default)
        self._mark(name)
        self._tell_changed()
        self.values_changed.emit()

    def _on_edited(self) -> None:
        self._mark(self.sender().objectName())
        self._tell_changed()
        self.values_changed.emit()
