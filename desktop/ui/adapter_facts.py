"""What is known of the selected adapter: its file's facts, and the receipt of its attachment."""

from __future__ import annotations

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
        self._values: dict[str, theme.Elided] = {}
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
        if row is None:
            self.hide()
            return
        self._name.say(row.name)
        problem: Problem | None = report.problems.get(row.id)
        self._problem.say(problem.sentence if problem else "", error=True)
        receipt = next((receipt for receipt in report.receipts if receipt.id == row.id), None)
        facts = self._facts(row, self._entries.get(row.path), receipt)
        # Rows are made once and shown when there is something to show: making them anew at every click of the stack
        # would lay the whole panel out a dozen times.
        for title in [*self._values, *(title for title in facts if title not in self._values)]:
            self._show(title, facts.get(title, ""))
        self.show()

    def _facts(self, row: Lora, entry: AdapterEntry | None, receipt: AttachReceipt | None) -> dict[str, str]:
        """Every title, in one order, with what is known of it or ""."""
        entry = entry or AdapterEntry(name=row.name, path=row.path)
        facts = {
            self.tr("kind"): entry.kind,
            self.tr("rank"): str(entry.rank) if entry.rank else "",
            self.tr("alpha"): f"{entry.alpha:g}" if entry.alpha else "",
            self.tr("targets"): ", ".join(entry.target_modules),
            self.tr("made for"): entry.base_model,
            self.tr("file"): f"{entry.file} {size_in_words(entry.size)}" if entry.size else "",
        }
        of = self.tr("{matched} of {targeted}")
        attached = receipt or AttachReceipt(id=row.id, name=row.name)
        facts |= {
            self.tr("modules"): of.format(matched=attached.modules_matched, targeted=attached.modules_targeted),
            self.tr("unused tensors"): str(len(attached.tensors_unused) or ""),
            self.tr("memory"): size_in_words(attached.bytes) if attached.bytes else "",
            self.tr("attached in"): self.tr("{time:.0f} ms").format(time=attached.milliseconds),
        }
        if receipt is None:
            facts[self.tr("modules")] = facts[self.tr("attached in")] = ""
        return {**facts, self.tr("folder"): row.path}

    def _show(self, title: str, value: str) -> None:
        if title not in self._values:
            shown = theme.Elided()
            shown.setFont(theme.tabular(shown.font()))
            self._form.addRow(QLabel(title), shown)
            self._values[title] = shown
        if value:
            self._values[title].say(value)
        self._form.setRowVisible(self._values[title], bool(value))
