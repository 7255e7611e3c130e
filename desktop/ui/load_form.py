"""How a model is held in memory: bits, type, device, limits, and the loader's own settings."""

from __future__ import annotations

from typing import Any

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from desktop.api import LoaderInfo
from desktop.library.sizes import SizeError, parse_memory_limit
from desktop.session.plans import LoadPlan

from . import theme
from .schema_form import SchemaForm
from .tick_box import TickBox


class LoadForm(QWidget):
    """The settings that go with a load."""

    #: The user changed something.
    values_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Everything at its default."""
        super().__init__(parent)
        self._bits = QComboBox()
        self._bits.addItem(self.tr("16 bits, as stored"), 16)
        self._bits.addItem(self.tr("8 bits (LLM.int8)"), 8)
        self._bits.addItem(self.tr("4 bits (nf4)"), 4)
        self._bits.setAccessibleName(self.tr("Bits of a weight"))
        self._bits.setToolTip(
            self.tr("Fewer bits need less memory; 8 and 4 quantise while loading, with bitsandbytes.")
        )
        self._dtype = QComboBox()
        self._dtype.addItem(self.tr("automatic"), "auto")
        for name in ("bfloat16", "float16", "float32"):
            self._dtype.addItem(name, name)
        self._dtype.setAccessibleName(self.tr("Arithmetic type"))
        self._dtype.setToolTip(self.tr("Type of the arithmetic; automatic picks from the checkpoint and the device."))
        self._device = QComboBox()
        self._device.setEditable(True)
        self._device.addItems(["auto", "cpu", "cuda:0", "mps"])
        self._device.setAccessibleName(self.tr("Device"))
        self._device.setToolTip(self.tr("auto, cpu, cuda:0, cuda:1, mps: where the model computes."))
        self._limits = QLineEdit()
        self._limits.setPlaceholderText(self.tr("cuda:0=10GB, cpu=16GB"))
        self._limits.setAccessibleName(self.tr("Memory limits"))
        self._limits.setToolTip(self.tr("Most memory to use on each device; empty means no limit."))
        self._remote_code = TickBox(self.tr("Run the model's own Python code"))
        self._remote_code.setToolTip(
            self.tr("Only for a model whose code you have read. It is asked for each model and never remembered.")
        )
        self._own = SchemaForm()
        self._build()
        for box in (self._bits, self._dtype):
            box.currentIndexChanged.connect(self.values_changed)
        self._device.currentTextChanged.connect(self.values_changed)
        self._limits.textEdited.connect(self.values_changed)
        self._remote_code.toggled.connect(self.values_changed)
        self._own.values_changed.connect(self.values_changed)

    def fill(self, plan: LoadPlan) -> LoadPlan:
        """The plan with what the form says. Raises SizeError for a memory limit that makes no sense."""
        texts = [text.strip() for text in self._limits.text().split(",") if text.strip()]
        return msgspec.structs.replace(
            plan,
            bits=self._bits.currentData(),
            dtype=self._dtype.currentData(),
            device=self._device.currentText().strip() or "auto",
            memory_limits=dict(parse_memory_limit(text) for text in texts),
            settings=self._own.values(),
            trust_remote_code=self._remote_code.isChecked(),
        )

    def is_valid(self) -> str:
        """Why the form can't be used, in words; empty where it can."""
        try:
            self.fill(LoadPlan(name="", path=""))
        except SizeError as error:
            return str(error)
        return ""

    def show_plan(self, plan: LoadPlan) -> None:
        """Show the settings of a plan; leave to run code is not taken over."""
        self._bits.setCurrentIndex(max(self._bits.findData(plan.bits), 0))
        self._dtype.setCurrentIndex(max(self._dtype.findData(plan.dtype), 0))
        self._device.setCurrentText(plan.device)
        self._limits.setText(", ".join(f"{name}={size}" for name, size in plan.memory_limits.items()))
        self._own.set_values(plan.settings)

    def forget_leave(self) -> None:
        """Another model was chosen: leave to run code was for the last one."""
        self._remote_code.setChecked(False)

    def show_loader(self, info: LoaderInfo | None) -> None:
        """Show a loader's own settings, and grey out the bits it doesn't have."""
        values: dict[str, Any] = self._own.values()
        self._own.show_schema(info.settings if info else {})
        self._own.set_values(values)
        model = self._bits.model()
        for row in range(self._bits.count()):
            usable = info is None or self._bits.itemData(row) in info.capabilities.bits
            item = model.item(row)  # type: ignore[attr-defined]
            item.setEnabled(usable)
            item.setToolTip("" if usable else self.tr("This loader does not quantise while loading."))

    def bits(self) -> int:
        """The bits chosen."""
        return int(self._bits.currentData())

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setVerticalSpacing(theme.GRID)
        form.addRow(self.tr("&Bits"), self._bits)
        form.addRow(self.tr("&Type"), self._dtype)
        form.addRow(self.tr("&Device"), self._device)
        form.addRow(self.tr("&Limits"), self._limits)
        theme.align_labels(form)
        layout.addLayout(form)
        layout.addWidget(self._own)
        layout.addWidget(self._remote_code)
