"""How is learnt: presets, and the settings of a run by their schema, those that are seldom changed folded away."""

from __future__ import annotations

from typing import Any

import msgspec
from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from desktop.api import TrainSettings, settings_schema
from desktop.library.runs.presets import PRESETS, STANDARD

from . import theme
from .schema_form import SchemaForm

PLAIN = ("rank", "alpha", "targets", "learning_rate", "epochs", "batch_size", "cutoff")
"""Settings everybody looks at; the others are folded."""
STEPS = {"learning_rate": 0.00001, "weight_decay": 0.001}


class TrainSettingsForm(QWidget):
    """Gathers TrainSettings."""

    #: The user changed something.
    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """The standard preset."""
        super().__init__(parent)
        self._preset = QComboBox()
        self._preset.setAccessibleName(self.tr("Preset of the training"))
        self._preset.addItem(self.tr("as set below"), "")
        for one in PRESETS:
            self._preset.addItem(one.name, one.name)
            self._preset.setItemData(self._preset.count() - 1, one.words, Qt.ItemDataRole.ToolTipRole)
        self._words = theme.Note()
        self._form = SchemaForm()
        self._form.show_schema(_schema())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for widget in (self._preset, self._words, self._form):
            column.addWidget(widget)
        self._preset.activated.connect(self._on_preset_chosen)
        self._form.values_changed.connect(self._on_values_changed)
        self._preset.setCurrentIndex(self._preset.findData(STANDARD))
        self._on_preset_chosen()

    def settings(self) -> TrainSettings:
        """What the form says. Raises msgspec.ValidationError where a value can't be used."""
        values: dict[str, Any] = {**msgspec.to_builtins(TrainSettings()), **self._form.values()}
        targets = str(values["targets"])
        if "," in targets:
            values["targets"] = [name.strip() for name in targets.split(",") if name.strip()]
        return msgspec.convert(values, TrainSettings)

    def problem(self) -> str:
        """Why a value can't be used, in words; empty where all can."""
        try:
            self.settings()
        except msgspec.ValidationError as error:
            return self.tr("A setting can't be used: {reason}.").format(reason=error)
        return ""

    def values(self) -> dict[str, Any]:
        """What is not at its default, whether it can be used or not."""
        return self._form.values()

    def show_values(self, values: dict[str, Any]) -> None:
        """Show what was left."""
        self._form.set_values(values)
        self._on_values_changed()

    def show_settings(self, settings: TrainSettings) -> None:
        """Show an earlier run's."""
        values = msgspec.to_builtins(settings)
        if not isinstance(values["targets"], str):
            values["targets"] = ", ".join(values["targets"])
        self._form.set_values(values)
        same = next((one for one in PRESETS if one.settings == settings), None)
        with QSignalBlocker(self._preset):
            self._preset.setCurrentIndex(max(self._preset.findData(same.name if same else ""), 0))
        self._words.say(same.words if same else "")

    @Slot()
    def _on_preset_chosen(self) -> None:
        one = next((one for one in PRESETS if one.name == self._preset.currentData()), None)
        if one is not None:
            self.show_settings(one.settings)
            self.edited.emit()

    @Slot()
    def _on_values_changed(self) -> None:
        if not self.problem():
            same = next((one for one in PRESETS if one.settings == self.settings()), None)
            self._preset.setCurrentIndex(max(self._preset.findData(same.name if same else ""), 0))
            self._words.say(same.words if same else "")
        self.edited.emit()


def _schema() -> dict[str, Any]:
    """The settings' own, with the plain ones first and the steps of small numbers."""
    schema = settings_schema(TrainSettings)
    fields: dict[str, dict[str, Any]] = {name: dict(field) for name, field in schema["properties"].items()}
    for name, field in fields.items():
        if name not in PLAIN:
            field["x-advanced"] = True
        if name in STEPS:
            field["x-step"] = STEPS[name]
    order = (*PLAIN, *(name for name in fields if name not in PLAIN))
    return {**schema, "properties": {name: fields[name] for name in order}}
