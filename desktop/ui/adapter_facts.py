"""What is known of the selected adapter: its file's facts, and the receipt of its attachment."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from desktop.api import AttachReceipt, Lora
from desktop.library.adapters import AdapterEntry
from desktop.library.sizes import size_in_words
from desktop.session.plans import Problem, StackReport

from . import theme


class AdapterFacts(QWidget):
    """Hidden while no adapter is selected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Nothing is selected."""
        super().__init__(parent)
        self._entries: dict[str, AdapterEntry] = {}
        self._name = theme.Elided()
        font = self._name.font()
        font.setBold(True)
        self._name.setFont(font)
        self._problem = theme.Note(parent=self)
        self._form = QFormLayout()
        self._form.setVerticalSpacing(theme.GRID)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GRID)
        layout.addWidget(theme.heading(self.tr("Adapter")))
        layout.addWidget(self._name)
        layout.addWidget(self._problem)
        layout.addLayout(self._form)
        self.hide()

    def know(self, entries: list[AdapterEntry]) -> None:
        """The library was listed."""
        self._entries = {entry.path: entry for entry in entries}

    def show_row(self, row: Lora | None, report: StackReport) -> None:
        """Another row was selected, or something became known of it."""
        self.setVisible(row is not None)
        while self._form.rowCount():
            self._form.removeRow(0)
        if row is None:
            return
        self._name.say(row.name)
        problem: Problem | None = report.problems.get(row.id)
        self._problem.say(problem.sentence if problem else "", error=True)
        receipt = next((receipt for receipt in report.receipts if receipt.id == row.id), None)
        for title, value in self._facts(row, self._entries.get(row.path), receipt):
            self._add(title, value)

    def _facts(self, row: Lora, entry: AdapterEntry | None, receipt: AttachReceipt | None) -> list[tuple[str, str]]:
        facts = []
        if entry is not None:
            facts += [
                (self.tr("kind"), entry.kind),
                (self.tr("rank"), str(entry.rank) if entry.rank else ""),
                (self.tr("alpha"), f"{entry.alpha:g}" if entry.alpha else ""),
                (self.tr("targets"), ", ".join(entry.target_modules)),
                (self.tr("made for"), entry.base_model),
                (self.tr("file"), f"{entry.file} {size_in_words(entry.size)}" if entry.size else ""),
            ]
        if receipt is not None:
            unused = str(len(receipt.tensors_unused)) if receipt.tensors_unused else ""
            of = self.tr("{matched} of {targeted}")
            facts += [
                (self.tr("modules"), of.format(matched=receipt.modules_matched, targeted=receipt.modules_targeted)),
                (self.tr("unused tensors"), unused),
                (self.tr("memory"), size_in_words(receipt.bytes) if receipt.bytes else ""),
                (self.tr("attached in"), self.tr("{time:.0f} ms").format(time=receipt.milliseconds)),
            ]
        return [(title, value) for title, value in (*facts, (self.tr("folder"), row.path)) if value]

    def _add(self, title: str, value: str) -> None:
        name = QLabel(title)
        name.setAlignment(Qt.AlignmentFlag.AlignLeft)
        shown = theme.Elided(value)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        shown.setFont(theme.tabular(shown.font()))
        self._form.addRow(name, shown)
