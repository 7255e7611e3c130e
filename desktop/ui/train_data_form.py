"""What is trained on: files, how their rows are read and dressed, and which part of a row is learnt."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from desktop.datasets import DataPlan, DatasetReport
from desktop.datasets.catalogue import DatasetEntry, FormatEntry
from desktop.datasets.plan import AFTER, ANSWERS, CHATML_TEMPLATE, EVERYTHING
from desktop.prompting.templates import TEMPLATES

from . import theme
from .train_columns import TrainColumns

SEPARATOR = "|"
"""Between the files, where several are named on the line."""


class TrainDataForm(QWidget):
    """Gathers a DataPlan; names of the library stay names."""

    #: The user changed something.
    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """No data yet."""
        super().__init__(parent)
        self._sources = QComboBox()
        self._sources.setEditable(True)
        self._sources.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._sources.setAccessibleName(self.tr("Training data"))
        self._sources.setToolTip(
            self.tr("A dataset of the library, a file of rows, or a folder of texts. Separate several by |.")
        )
        self._sources.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        edit = self._sources.lineEdit()
        assert edit is not None
        edit.setPlaceholderText(self.tr("a dataset, a file or a folder"))
        self._browse = QPushButton(self.tr("Browse"))
        menu = QMenu(self._browse)
        self._file_action = menu.addAction(self.tr("A &file of rows or text..."))
        self._folder_action = menu.addAction(self.tr("A f&older of texts..."))
        self._evaluation_action = menu.addAction(self.tr("A file for &evaluation..."))
        self._browse.setMenu(menu)
        self._kind = self._box(self.tr("Kind of rows"), self.tr("Shape of the rows; found out by the first ones."))
        self._dressed = self._box(self.tr("Dressed by"), self.tr("The template or %key% format each row is put into."))
        self._loss = self._box(self.tr("What is learnt"), self.tr("Which tokens of a row count in the loss."))
        self._after = QLineEdit("### Response:")
        self._after.setAccessibleName(self.tr("Text after which learning begins"))
        self._on_bad = self._box(self.tr("Bad rows"), self.tr("What a row that can't be used does."))
        self._holdout = QDoubleSpinBox()
        self._holdout.setRange(0.0, 1_000_000.0)
        self._holdout.setSingleStep(0.05)
        self._holdout.setAccessibleName(self.tr("Rows kept back for evaluation"))
        self._holdout.setToolTip(self.tr("Below 1 a share of the rows, from 1 on their number, 0 none."))
        self._evaluation = QLineEdit()
        self._evaluation.setPlaceholderText(self.tr("none"))
        self._evaluation.setAccessibleName(self.tr("File for evaluation"))
        self._evaluation.setToolTip(self.tr("Rows for evaluation, in the place of a share of the training rows."))
        self._hard_cut = QLineEdit(DataPlan(sources=()).hard_cut)
        self._hard_cut.setAccessibleName(self.tr("Hard cut"))
        self._hard_cut.setToolTip(self.tr("Raw text is divided wherever this stands; \\n means a new line."))
        self._min_block = QSpinBox()
        self._min_block.setRange(0, 1_000_000)
        self._min_block.setAccessibleName(self.tr("Smallest piece"))
        self._min_block.setToolTip(self.tr("Pieces of raw text with at most this many characters are left out."))
        self.columns = TrainColumns()
        self._fill_boxes()
        self._build()
        self._connect()
        self._show_rows()

    def plan(self) -> DataPlan:
        """What the form says; sources may be names of the library."""
        dressed, name = self._dressed.currentData() or ("", "")
        loss = self._loss.currentData()
        return DataPlan(
            sources=_names(self._sources.currentText()),
            kind=self._kind.currentData(),
            mapping=self.columns.mapping(),
            template=name if dressed == "template" else "",
            format=name if dressed == "format" else "",
            loss=loss + self._after.text() if loss == AFTER else loss,
            on_bad=self._on_bad.currentData(),
            holdout=self._holdout.value(),
            evaluation=_names(self._evaluation.text()),
            hard_cut=self._hard_cut.text(),
            min_block=self._min_block.value(),
        )

    def show_plan(self, plan: DataPlan) -> None:
        """Show an earlier run's."""
        with QSignalBlocker(self):
            self._sources.setCurrentText(f" {SEPARATOR} ".join(plan.sources))
            self._kind.setCurrentIndex(max(self._kind.findData(plan.kind), 0))
            chosen = ("format", plan.format) if plan.format else ("template", plan.template)
            if plan.format and self._find_dressed(chosen) < 0:
                self._dressed.addItem(plan.format, chosen)
            self._dressed.setCurrentIndex(max(self._find_dressed(chosen), 0))
            after = plan.loss.startswith(AFTER)
            self._loss.setCurrentIndex(max(self._loss.findData(AFTER if after else plan.loss), 0))
            if after:
                self._after.setText(plan.loss.removeprefix(AFTER))
            self._on_bad.setCurrentIndex(max(self._on_bad.findData(plan.on_bad), 0))
            self._holdout.setValue(plan.holdout)
            self._evaluation.setText(f" {SEPARATOR} ".join(plan.evaluation))
            self._hard_cut.setText(plan.hard_cut)
            self._min_block.setValue(plan.min_block)
            self.columns.show_mapping(plan.mapping)
        self._show_rows()
        self.edited.emit()

    def show_library(self, datasets: Sequence[DatasetEntry], formats: Sequence[FormatEntry]) -> None:
        """What the library holds."""
        text = self._sources.currentText()
        with QSignalBlocker(self._sources):
            self._sources.clear()
            for entry in datasets:
                if not entry.problem:
                    self._sources.addItem(entry.name)
            self._sources.setCurrentText(text)
        for one in formats:
            chosen = ("format", one.path or one.name)
            if not one.problem and self._find_dressed(chosen) < 0:
                self._dressed.addItem(self.tr("format {name}").format(name=one.name), chosen)

    def show_report(self, report: DatasetReport | None) -> None:
        """The data was checked, or can't be."""
        if report is not None:
            self.columns.show_report(report)
            self._kind.setItemText(0, self.tr("automatic: {kind}").format(kind=report.kind))
            dressed = report.template or self.tr("as it is")
            self._dressed.setItemText(0, self.tr("automatic: {name}").format(name=dressed))
        self._show_rows(report.kind if report else "")

    def _box(self, name: str, words: str) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(name)
        box.setToolTip(words)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        return box

    def _fill_boxes(self) -> None:
        kinds = {
            "auto": self.tr("automatic"),
            "alpaca": self.tr("instructions (Alpaca)"),
            "completion": self.tr("prompts with completions"),
            "messages": self.tr("conversations (messages)"),
            "conversations": self.tr("conversations (ShareGPT)"),
            "text": self.tr("texts"),
            "columns": self.tr("columns for a format"),
            "raw": self.tr("plain text"),
        }
        for kind, words in kinds.items():
            self._kind.addItem(words, kind)
        templates = {"": self.tr("automatic")} | {template.name: template.title for template in TEMPLATES}
        for name, title in (templates | {CHATML_TEMPLATE: self.tr("ChatML")}).items():
            chosen = ("template", name)
            self._dressed.addItem(title, chosen)
        self._loss.addItem(self.tr("the answers"), ANSWERS)
        self._loss.addItem(self.tr("everything"), EVERYTHING)
        self._loss.addItem(self.tr("what stands after a text"), AFTER)
        for on_bad, words in {"stop": self.tr("stop the start"), "skip": self.tr("are left out")}.items():
            self._on_bad.addItem(words, on_bad)

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        top = QHBoxLayout()
        top.addWidget(self._sources, 1)
        top.addWidget(self._browse)
        column.addLayout(top)
        form = self._form = QFormLayout()
        form.setVerticalSpacing(theme.GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("Kind"), self._kind)
        form.addRow(self.tr("Dressed by"), self._dressed)
        form.addRow(self.tr("Learn"), self._loss)
        form.addRow(self.tr("After"), self._after)
        form.addRow(self.tr("Hard cut"), self._hard_cut)
        form.addRow(self.tr("Smallest piece"), self._min_block)
        form.addRow(self.tr("Bad rows"), self._on_bad)
        form.addRow(self.tr("Keep back"), self._holdout)
        form.addRow(self.tr("Evaluate on"), self._evaluation)
        theme.align_labels(form)
        column.addLayout(form)
        column.addWidget(self.columns)

    def _connect(self) -> None:
        self._sources.currentTextChanged.connect(self.edited)
        for box in (self._kind, self._dressed, self._loss, self._on_bad):
            box.currentIndexChanged.connect(self._on_edited)
        for line in (self._after, self._evaluation, self._hard_cut):
            line.textEdited.connect(self.edited)
        self._holdout.valueChanged.connect(self.edited)
        self._min_block.valueChanged.connect(self.edited)
        self.columns.edited.connect(self.edited)
        self._file_action.triggered.connect(self._on_file_wanted)
        self._folder_action.triggered.connect(self._on_folder_wanted)
        self._evaluation_action.triggered.connect(self._on_evaluation_wanted)

    def _find_dressed(self, chosen: tuple[str, str]) -> int:
        return next((row for row in range(self._dressed.count()) if self._dressed.itemData(row) == chosen), -1)

    def _show_rows(self, kind: str = "") -> None:
        raw = "raw" in (kind, self._kind.currentData())
        self._form.setRowVisible(self._after, self._loss.currentData() == AFTER)
        self._form.setRowVisible(self._hard_cut, raw)
        self._form.setRowVisible(self._min_block, raw)

    @Slot()
    def _on_edited(self) -> None:
        self._show_rows()
        self.edited.emit()

    @Slot()
    def _on_file_wanted(self) -> None:
        found, _ = QFileDialog.getOpenFileName(self, self.tr("Training data"))
        self._take(found)

    @Slot()
    def _on_folder_wanted(self) -> None:
        self._take(QFileDialog.getExistingDirectory(self, self.tr("A folder of texts")))

    @Slot()
    def _on_evaluation_wanted(self) -> None:
        found, _ = QFileDialog.getOpenFileName(self, self.tr("Rows for evaluation"))
        if found:
            self._evaluation.setText(found)
            self.edited.emit()

    def _take(self, path: str) -> None:
        if path:
            self._sources.setCurrentText(path)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(SEPARATOR) if part.strip())
