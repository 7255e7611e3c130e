"""How a model is to be quantised: bits, groups, order, search and calibration text."""

from __future__ import annotations

from typing import Any

import msgspec
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from desktop.api import QuantizeRequest

from . import theme
from .tick_box import TickBox


class QuantizeForm(QWidget):
    """Gathers a QuantizeRequest; where the copy lands is not its matter."""

    #: The user changed something.
    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """The defaults of `lora-deck quantize`."""
        super().__init__(parent)
        self._bits, self._group = QComboBox(), QComboBox()
        self._bits.setAccessibleName(self.tr("Bits of a weight"))
        self._group.setAccessibleName(self.tr("Group size"))
        self._group.setToolTip(self.tr("Inputs that share a scale and a zero point."))
        self._order = TickBox(self.tr("Largest activations first (act-order)"))
        self._order.setToolTip(self.tr("More exact; slower on some GPU kernels."))
        self._search = TickBox(self.tr("Search for the best scales (MSE)"))
        self._search.setToolTip(self.tr("Least squared error instead of each group's whole range: more exact, slower."))
        self._symmetric = TickBox(self.tr("Zero points in the middle (symmetric)"))
        self._symmetric.setToolTip(self.tr("Some GPU kernels insist on it; otherwise each group has its own."))
        self._calibration = QLineEdit()
        self._calibration.setAccessibleName(self.tr("Calibration text"))
        self._calibration.setPlaceholderText(self.tr("the text that comes along: English, French and code"))
        self._calibration.setToolTip(
            self.tr("A text file, or .json or .jsonl rows, like what the model will read; 10,000 tokens and more.")
        )
        self._calibration.setClearButtonEnabled(True)
        self._browse = QPushButton(self.tr("Browse"))
        self._browse.setAccessibleName(self.tr("Browse for a calibration text"))
        self._browse.setAutoDefault(False)  # Enter is for the dialog's own verb
        self._fill()
        self._build()
        self.setFocusProxy(self._bits)
        for box in (self._bits, self._group):
            box.currentIndexChanged.connect(self.edited)
        for tick in (self._order, self._search, self._symmetric):
            tick.toggled.connect(self.edited)
        self._calibration.textChanged.connect(self.edited)
        self._browse.clicked.connect(self._on_browse)

    def request(self, folder: str) -> QuantizeRequest:
        """What the form says, for a copy that lands in `folder`."""
        values: dict[str, Any] = {
            "folder": folder,
            "bits": self._bits.currentData(),
            "group_size": self._group.currentData(),
            "symmetric": self._symmetric.isChecked(),
            "act_order": self._order.isChecked(),
            "search": self._search.isChecked(),
            "calibration": self._calibration.text().strip(),
        }
        return msgspec.convert(values, QuantizeRequest)

    def _fill(self) -> None:
        usual = QuantizeRequest(folder="")
        bits = {
            8: self.tr("8 bits: as good as 16"),
            4: self.tr("4 bits: the usual"),
            3: self.tr("3 bits: small, less exact"),
            2: self.tr("2 bits: smallest, much is lost"),
        }
        for number, words in bits.items():
            self._bits.addItem(words, number)
        groups = {
            32: self.tr("32 inputs: most exact, largest"),
            64: self.tr("64 inputs"),
            128: self.tr("128 inputs: the usual"),
            -1: self.tr("all inputs of a linear: smallest"),
        }
        for size, words in groups.items():
            self._group.addItem(words, size)
        self._bits.setCurrentIndex(self._bits.findData(usual.bits))
        self._group.setCurrentIndex(self._group.findData(usual.group_size))
        self._order.setChecked(usual.act_order)
        self._search.setChecked(usual.search)
        self._symmetric.setChecked(usual.symmetric)

    def _build(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(theme.GAP)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("&Bits"), self._bits)
        form.addRow(self.tr("&Groups of"), self._group)
        for tick in (self._order, self._search, self._symmetric):
            form.addRow("", tick)
        text = QHBoxLayout()
        text.setSpacing(theme.GAP)
        text.addWidget(self._calibration, 1)
        text.addWidget(self._browse)
        form.addRow(self.tr("Calibration"), text)

    @Slot()
    def _on_browse(self) -> None:
        kinds = self.tr("Texts and rows (*.txt *.md *.json *.jsonl);;All files (*)")
        path = QFileDialog.getOpenFileName(self, self.tr("Calibration text"), "", kinds)[0]
        if path:
            self._calibration.setText(path)
