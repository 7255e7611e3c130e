"""The base that is trained on, how it is held, what lies on it, and what the new adapter is called."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import QComboBox, QFormLayout, QLineEdit, QWidget

from desktop.library.adapters import AdapterEntry
from desktop.library.models import ModelEntry
from desktop.library.runs.run_file import Base
from desktop.session.plans import Loaded
from desktop.session.train_draft import TrainDraft, part_of

from . import theme
from .tick_box import TickBox


class TrainBaseForm(QWidget):
    """The loaded base by default."""

    #: The user changed something, or the base is another.
    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """No base is known."""
        super().__init__(parent)
        self._loaded: Loaded | None = None
        self._touched = False
        self._bits_touched = False
        self._output = QLineEdit()
        self._output.setAccessibleName(self.tr("Name of the new adapter"))
        self._output.setPlaceholderText(self.tr("what the new adapter is called"))
        self._base = QComboBox()
        self._base.setAccessibleName(self.tr("Base to train on"))
        self._base.setToolTip(self.tr("The run loads it anew, in a process of its own; the loaded one is not touched."))
        self._base.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._bits = QComboBox()
        self._bits.setAccessibleName(self.tr("Bits of the base"))
        self._bits.addItem(self.tr("16 bits, as stored"), 16)
        self._bits.addItem(self.tr("8 bits (LLM.int8)"), 8)
        self._bits.addItem(self.tr("4 bits (nf4)"), 4)
        self._start = QComboBox()
        self._start.setEditable(True)
        self._start.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._start.setAccessibleName(self.tr("Continue from an adapter"))
        self._start.setToolTip(self.tr("Begin with the factors of this adapter; empty begins with fresh ones."))
        self._start.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        edit = self._start.lineEdit()
        assert edit is not None
        edit.setPlaceholderText(self.tr("fresh factors"))
        self._on_stack = TickBox(self.tr("On top of the present stack"))
        self._on_stack.setToolTip(
            self.tr("The adapters of the stack act while the new one learns, and stay as they are.")
        )
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(theme.GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("Name"), self._output)
        form.addRow(self.tr("Base"), self._base)
        form.addRow(self.tr("Held in"), self._bits)
        form.addRow(self.tr("Continue"), self._start)
        form.addRow("", self._on_stack)
        theme.align_labels(form)
        self._output.textEdited.connect(self.edited)
        self._base.currentIndexChanged.connect(self.edited)
        self._base.activated.connect(self._on_touched)
        self._bits.currentIndexChanged.connect(self.edited)
        self._bits.activated.connect(self._on_bits_touched)
        self._start.currentTextChanged.connect(self.edited)
        self._on_stack.toggled.connect(self.edited)

    def output(self) -> str:
        """The new adapter's name."""
        return self._output.text().strip()

    def base(self) -> Base | None:
        """The base as it is to be held; None where there is none."""
        path = self._base.currentData()
        if not path:
            return None
        bits = self._bits.currentData()
        if self._loaded is not None and path == self._loaded.info.path:
            plan = self._loaded.plan
            return Base(
                name=plan.name, path=path, loader=plan.loader, dtype=plan.dtype, bits=bits, device=plan.device,
                memory_limits=plan.memory_limits, settings=plan.settings,
            )  # fmt: skip
        return Base(name=self._base.currentText(), path=path, bits=bits)

    def is_loaded(self) -> bool:
        """Whether the base is the one that is being prompted."""
        return self._loaded is not None and self._base.currentData() == self._loaded.info.path

    def start(self) -> str:
        """The adapter whose factors are taken; empty for fresh ones."""
        return self._start.currentText().strip()

    def on_stack(self) -> bool:
        """Whether the present stack acts meanwhile."""
        return self._on_stack.isChecked()

    def show_base(self, base: Base, start: str) -> None:
        """Show an earlier run's."""
        with QSignalBlocker(self):
            if self._base.findData(base.path) < 0:
                self._base.addItem(base.name, base.path)
            self._base.setCurrentIndex(self._base.findData(base.path))
            self._bits.setCurrentIndex(max(self._bits.findData(base.bits), 0))
            self._start.setCurrentText(start)
            self._touched = True
        self.edited.emit()

    def fill(self, draft: TrainDraft) -> TrainDraft:
        """The draft with what the user typed and chose here."""
        chosen = self.base() if self._touched else None
        return msgspec.structs.replace(
            draft,
            name=self._output.text(),
            base=msgspec.to_builtins(chosen) if chosen is not None else {},
            bits=self._bits.currentData() if self._bits_touched else 0,
            start=self._start.currentText(),
            on_stack=self._on_stack.isChecked(),
        )

    def show_draft(self, draft: TrainDraft) -> None:
        """Show what was left."""
        if (base := part_of(draft.base, Base)) is not None:
            self.show_base(base, draft.start)
        self._output.setText(draft.name)
        self._start.setCurrentText(draft.start)
        self._on_stack.setChecked(draft.on_stack)
        if draft.bits:
            self._bits.setCurrentIndex(max(self._bits.findData(draft.bits), 0))
            self._bits_touched = True

    def show_models(self, models: Sequence[ModelEntry]) -> None:
        """The library was listed."""
        self._list({entry.path: entry.name for entry in models if not entry.problem})

    def show_adapters(self, adapters: Sequence[AdapterEntry]) -> None:
        """The library was listed."""
        text = self._start.currentText()
        with QSignalBlocker(self._start):
            self._start.clear()
            self._start.addItem("")
            self._start.addItems([entry.name for entry in adapters if not entry.problem])
            self._start.setCurrentText(text)

    def show_loaded(self, loaded: Loaded | None) -> None:
        """A model was loaded, or is no more; it becomes the base unless the user chose one."""
        self._loaded = loaded
        self._list({})
        if loaded is not None and not self._touched and not self._bits_touched:
            with QSignalBlocker(self._bits):
                self._bits.setCurrentIndex(max(self._bits.findData(loaded.plan.bits), 0))
        self.edited.emit()

    def _list(self, found: dict[str, str]) -> None:
        chosen = self._base.currentData()
        known = {self._base.itemData(row): self._base.itemText(row) for row in range(self._base.count())}
        known |= found
        if self._loaded is not None:
            known[self._loaded.info.path] = self._loaded.plan.name
            if not self._touched:
                chosen = self._loaded.info.path
        with QSignalBlocker(self._base):
            self._base.clear()
            for path, name in known.items():
                self._base.addItem(name, path)
            self._base.setCurrentIndex(max(self._base.findData(chosen), 0) if known else -1)

    @Slot()
    def _on_touched(self) -> None:
        self._touched = True

    @Slot()
    def _on_bits_touched(self) -> None:
        self._bits_touched = True
