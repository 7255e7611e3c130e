"""Which column of the data is what: a choice for each role, shown once the columns are known."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QWidget

from desktop.datasets import DatasetReport
from desktop.datasets.columns import ROLES

from . import theme


class TrainColumns(QWidget):
    """Hidden while there is nothing to map."""

    #: The user changed a column.
    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """No column is known yet."""
        super().__init__(parent)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(theme.GRID)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._boxes: dict[str, QComboBox] = {}
        self._chosen: dict[str, str] = {}
        self._shape: tuple[str, tuple[str, ...]] = ("", ())
        self.hide()

    def mapping(self) -> dict[str, str]:
        """What the user chose, by role; roles that are left to the program are not in it."""
        return dict(self._chosen)

    def show_mapping(self, mapping: Mapping[str, str]) -> None:
        """Another choice, of an earlier run's for one."""
        self._chosen = dict(mapping)
        self._show_chosen({})

    def show_report(self, report: DatasetReport) -> None:
        """The data was checked: its columns, and which one was taken for what."""
        shape = (report.kind, report.columns)
        if shape != self._shape:
            self._shape = shape
            self._make(tuple(ROLES.get(report.kind, ())), report.columns)
        self._show_chosen(report.mapping)

    def _make(self, roles: tuple[str, ...], columns: tuple[str, ...]) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self._boxes = {}
        self._chosen = {role: name for role, name in self._chosen.items() if role in roles and name in columns}
        for role in roles:
            box = QComboBox()
            box.setObjectName(role)
            box.setAccessibleName(self.tr("Column of the {role}").format(role=role))
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.addItem(self.tr("automatic"), "")
            for name in columns[:200]:
                box.addItem(" ".join(name.split())[:60], name)
            box.currentIndexChanged.connect(self._on_changed)
            self._form.addRow(role, box)
            self._boxes[role] = box
        theme.align_labels(self._form)
        self.setVisible(bool(self._boxes))

    def _show_chosen(self, found: Mapping[str, str]) -> None:
        for role, box in self._boxes.items():
            with QSignalBlocker(box):
                automatic = self.tr("automatic: {name}").format(name=found[role]) if role in found else self.tr("none")
                if role not in self._chosen:
                    box.setItemText(0, automatic)
                box.setCurrentIndex(max(box.findData(self._chosen.get(role, "")), 0))

    def _on_changed(self) -> None:
        box = self.sender()
        assert isinstance(box, QComboBox)
        role, name = box.objectName(), box.currentData()
        self._chosen = {other: column for other, column in self._chosen.items() if other != role}
        if name:
            self._chosen[role] = name
        self.edited.emit()
