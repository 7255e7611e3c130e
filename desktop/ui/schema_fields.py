"""One control for each kind of field a settings schema may have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from PySide6.QtCore import QObject, QRegularExpression, QSignalBlocker, Signal
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from desktop.prompting.text_lists import line_from, texts_from

from .tick_box import TickBox

LARGEST = 2**31 - 1
"""What a spin box of Qt can hold."""


class Field(QObject):
    """A control and the value it stands for."""

    #: The user changed the value.
    edited = Signal()

    widget: QWidget

    def __init__(self, name: str, schema: Mapping[str, Any], parent: QObject) -> None:
        """`schema` is the field's own JSON Schema."""
        super().__init__(parent)
        self.setObjectName(name)
        self.title = name.replace("_", " ")
        self.description = str(schema.get("description", ""))
        self.default = schema.get("default")

    def value(self) -> Any:
        """What the control shows, as the Struct takes it."""
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Show a value without telling anybody."""
        with QSignalBlocker(self.widget):
            self._show(value)

    def is_changed(self) -> bool:
        """Whether the value is not the default."""
        return bool(self.value() != self.default)

    def shown_default(self) -> str:
        """The default in words."""
        return self.tr("nothing") if self.default is None else str(self.default)

    def _show(self, value: Any) -> None:
        raise NotImplementedError


class _Flag(Field):
    def __init__(self, name: str, schema: Mapping[str, Any], parent: QObject) -> None:
        super().__init__(name, schema, parent)
        self.widget: QCheckBox = TickBox()
        self.widget.toggled.connect(self.edited)
        self.set_value(self.default)

    def value(self) -> bool:
        return self.widget.isChecked()

    def _show(self, value: Any) -> None:
        self.widget.setChecked(bool(value))


class _Choice(Field):
    def __init__(self, name: str, schema: Mapping[str, Any], parent: QObject) -> None:
        super().__init__(name, schema, parent)
        self.widget: QComboBox = QComboBox()
        for value in schema["enum"]:
            self.widget.addItem(str(value), value)
        self.widget.currentIndexChanged.connect(self.edited)
        self.set_value(self.default)

    def value(self) -> Any:
        return self.widget.currentData()

    def _show(self, value: Any) -> None:
        self.widget.setCurrentIndex(max(self.widget.findData(value), 0))


class _Whole(Field):
    def __init__(self, name: str, schema: Mapping[str, Any], parent: QObject) -> None:
        super().__init__(name, schema, parent)
        self.widget: QSpinBox = QSpinBox()
        self.widget.setCorrectionMode(QSpinBox.CorrectionMode.CorrectToNearestValue)
        lowest = schema.get("minimum", schema.get("exclusiveMinimum", -LARGEST - 1) + 1)
        self.widget.setRange(max(int(lowest), -LARGEST), min(int(schema.get("maximum", LARGEST)), LARGEST))
        self.widget.valueChanged.connect(self.edited)
        self.set_value(self.default or 0)

    def value(self) -> int:
        return self.widget.value()

    def _show(self, value: Any) -> None:
        self.widget.setValue(min(max(int(value), -LARGEST), LARGEST))


class _Number(Field):
    def __init__(self, name: str, schema: Mapping[str, Any], parent: QObject) -> None:
        super().__init__(name, schema, parent)
        self.widget: QDoubleSpinBox = QDoubleSpinBox()
        known = (schema[name] for name in ("default", "minimum", "maximum") if schema.get(name) is not None)
        self._decimals = max([2, *(min(_decimals(number), 6) for number in known)])
        self.widget.setDecimals(self._decimals)
        self.widget.setCorrectionMode(QDoubleSpinBox.CorrectionMode.CorrectToNearestValue)
        step = 10**-self._decimals
        lowest = schema.get("minimum", schema.get("exclusiveMinimum", -1e9 - step) + step)
        highest = schema.get("maximum", schema.get("exclusiveMaximum", 1e9 + step) - step)
        self.widget.setRange(lowest, highest)
        self.widget.setSingleStep(0.05 if highest - lowest <= 10 else 1.0)
        self.widget.valueChanged.connect(self.edited)
        self.set_value(self.default or 0.0)

    def value(self) -> float:
        return round(self.widget.value(), self._decimals)

    def is_changed(self) -> bool:
        return not math.isclose(self.value(), float(self.default or 0.0), abs_tol=1e-9)

    def _show(self, value: Any) -> None:
        self.widget.setValue(float(value))


class _Text(Field):
    """A text; where the field may be a whole number or nothing, empty stands for nothing."""

    def __init__(self, name: str, schema: Mapping[str, Any], parent: QObject) -> None:
        super().__init__(name, schema, parent)
        kinds = {str(choice.get("type")) for choice in schema.get("anyOf", ())}
        self._number = "integer" in kinds
        self._optional = "null" in kinds
        self.widget: QLineEdit = QLineEdit()
        if self._optional:
            self.widget.setPlaceholderText(self.tr("not set"))
        if self._number:
            # As many digits as fit into 64 bits: nothing can be typed that the setting could not hold.
            self.widget.setValidator(QRegularExpressionValidator(QRegularExpression("[+-]?[0-9]{0,18}"), self.widget))
        self.widget.textEdited.connect(self.edited)
        self.set_value(self.default)

    def value(self) -> Any:
        text = self.widget.text().strip()
        if not text and self._optional:
            return None
        if self._number:
            return int(text) if text.lstrip("+-").isdecimal() else self.default
        return text

    def _show(self, value: Any) -> None:
        self.widget.setText("" if value is None else str(value))


class _Texts(Field):
    """Several texts on one line, as `desktop.prompting.text_lists` writes them."""

    def __init__(self, name: str, schema: Mapping[str, Any], parent: QObject) -> None:
        super().__init__(name, schema, parent)
        self.default = tuple(self.default or ())
        how = self.tr("Separate them by |. Write \\n for a line break and \\| for a bar.")
        self.description = f"{self.description} {how}"
        self.widget: QLineEdit = QLineEdit()
        self.widget.setPlaceholderText(self.tr("none"))
        self.widget.textEdited.connect(self.edited)
        self.set_value(self.default)

    def value(self) -> tuple[str, ...]:
        return texts_from(self.widget.text())

    def shown_default(self) -> str:
        return line_from(self.default or ()) or self.tr("nothing")

    def _show(self, value: Any) -> None:
        self.widget.setText(line_from(value))


def _decimals(number: float) -> int:
    exponent = Decimal(str(number)).as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def make_field(name: str, schema: Mapping[str, Any], parent: QObject) -> Field | None:
    """The control for a field; None for kinds a form has no control for (tables, and lists of anything but texts)."""
    kind = schema.get("type")
    if "enum" in schema:
        return _Choice(name, schema, parent)
    if kind == "array" and (schema.get("items") or {}).get("type") == "string":
        return _Texts(name, schema, parent)
    if kind == "boolean":
        return _Flag(name, schema, parent)
    if kind == "integer":
        return _Whole(name, schema, parent)
    if kind == "number":
        return _Number(name, schema, parent)
    if kind == "string" or "anyOf" in schema:
        return _Text(name, schema, parent)
    return None
