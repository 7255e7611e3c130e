"""What is known of the selected adapter: its folder's facts, the verdict, and the receipt of its attachment."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from desktop.api import AttachReceipt, Lora
from desktop.library.adapters import AdapterEntry
from desktop.library.fit import Fit
from desktop.library.inspection import Inspection, from_entry
from desktop.library.inspection_words import in_words
from desktop.library.sizes import size_in_words
from desktop.session.plans import Loaded, StackReport

from . import theme
from .fact_rows import FactRows

_WRAPPED = frozenset(
    {"verdict", "targets", "modules", "layers", "settings", "training", "arguments", "datasets", "notes"}
)


class AdapterFacts(QWidget):
    """Hidden while no adapter is selected. What the list of the library tells is there at once, the rest soon."""

    #: An adapter was selected of which not everything is known: its path.
    inspection_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Nothing is selected."""
        super().__init__(parent)
        # In a turn of its own: laid out together with a new row, the window would stand still too long.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._show)
        self._row: Lora | None = None
        self._report = StackReport(rows=())
        self._model = ""
        self._entries: dict[str, AdapterEntry] = {}
        self._found: dict[str, Inspection] = {}
        self._fits: dict[str, Fit] = {}
        self._asked: set[str] = set()
        self._titles = self._make_titles()
        self._name = theme.Elided()
        font = self._name.font()
        font.setBold(True)
        self._name.setFont(font)
        self._problem = theme.Note(parent=self)
        self._rows = FactRows(self._titles, _WRAPPED)
        self._copy = QPushButton(self.tr("Copy facts"))
        self._copy.setToolTip(self.tr("Copy everything that is known of this adapter, in full."))
        self._copy.clicked.connect(self._on_copy_clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GRID)
        for widget in (theme.heading(self.tr("Adapter")), self._name, self._problem, self._rows):
            layout.addWidget(widget)
        layout.addSpacing(theme.GRID)
        layout.addWidget(self._copy, alignment=Qt.AlignmentFlag.AlignLeft)
        self.hide()

    def show_row(self, row: Lora | None, report: StackReport) -> None:
        """Another row was selected, or something became known of it."""
        self._row, self._report = row, report
        self._soon.start()
        self._ask()

    def show_loaded(self, loaded: Loaded | None) -> None:
        """Another model is loaded, or none: verdicts and receipts of the last one mean nothing any more."""
        self._model = loaded.info.path if loaded else ""
        self._fits.clear()
        self._report = StackReport(rows=())
        self._show()

    @Slot(list)
    def know(self, entries: list[AdapterEntry]) -> None:
        """The library was listed, so what is on the disk may be another."""
        self._entries = {entry.path: entry for entry in entries}
        self._asked.clear()
        self._ask()

    @Slot(str, object)
    def show_inspection(self, path: str, found: Inspection) -> None:
        """Everything about an adapter came."""
        self._found[path] = found
        self._show_if(path)

    @Slot(str, str, object)
    def show_fit(self, path: str, model: str, fit: Fit) -> None:
        """The verdict about an adapter came; one about another model than is loaded now is too late."""
        if model == self._model:
            self._fits[path] = fit
            self._show_if(path)

    def _ask(self) -> None:
        if self._row is not None and self._row.path not in self._asked:
            self._asked.add(self._row.path)
            self.inspection_wanted.emit(self._row.path)

    def _show_if(self, path: str) -> None:
        if self._row is not None and self._row.path == path:
            self._soon.start()

    def _show(self) -> None:
        row = self._row
        self.setVisible(row is not None)
        if row is None:
            return
        self._name.say(row.name)
        problem = self._report.problems.get(row.id)
        broken = self._found[row.path].problems if row.path in self._found else ()
        self._problem.say(problem.sentence if problem else " ".join(broken), error=True)
        self._rows.show_facts(self._facts(row))

    def _facts(self, row: Lora) -> dict[str, str]:
        """What is known, by the names of the facts."""
        entry = self._entries.get(row.path) or AdapterEntry(name=row.name, path=row.path)
        found = self._found.get(row.path) or from_entry(entry)
        facts = in_words(found) | {"notes": " ".join(found.notes)}
        receipt = next((receipt for receipt in self._report.receipts if receipt.id == row.id), None)
        if receipt is not None:
            facts |= self._of_receipt(receipt)
        if row.path in self._fits:
            facts["verdict"] = self._verdict(self._fits[row.path])
        return facts | {"folder": row.path}

    def _of_receipt(self, receipt: AttachReceipt) -> dict[str, str]:
        of = self.tr("{matched} of {targeted}")
        facts = {
            "attached": of.format(matched=receipt.modules_matched, targeted=receipt.modules_targeted),
            "memory": size_in_words(receipt.bytes) if receipt.bytes else "",
            "time": self.tr("{time:.0f} ms").format(time=receipt.milliseconds),
        }
        # The loader knows better than the file's names what nothing took.
        return facts | ({"unused": str(len(receipt.tensors_unused))} if receipt.tensors_unused else {})

    def _verdict(self, fit: Fit) -> str:
        verdict = {
            "fits": self.tr("fits"),
            "misfit": self.tr("does not fit: {reason}"),
            "unknown": self.tr("unknown: {reason}"),
        }[fit.verdict]
        return verdict.format(reason=fit.reason)

    @Slot()
    def _on_copy_clicked(self) -> None:
        if self._row is None:
            return
        facts = self._facts(self._row)
        lines = [f"{title}: {facts[name]}" for name, title in self._titles.items() if facts.get(name)]
        QGuiApplication.clipboard().setText("\n".join([self._row.name, *lines]))

    def _make_titles(self) -> dict[str, str]:
        """What each fact is called, in the order in which they stand."""
        return {
            "verdict": self.tr("verdict"),
            "kind": self.tr("kind"),
            "rank": self.tr("rank"),
            "alpha": self.tr("alpha"),
            "scaling": self.tr("scaling"),
            "targets": self.tr("targets"),
            "modules": self.tr("modules"),
            "layers": self.tr("layers"),
            "attached": self.tr("attached to"),
            "unused": self.tr("unused tensors"),
            "memory": self.tr("memory"),
            "time": self.tr("attached in"),
            "base": self.tr("made for"),
            "card base": self.tr("card names"),
            "parameters": self.tr("parameters"),
            "dtype": self.tr("dtype"),
            "file": self.tr("file"),
            "hash": self.tr("sha256"),
            "peft": self.tr("PEFT"),
            "settings": self.tr("settings"),
            "training": self.tr("training"),
            "arguments": self.tr("trained with"),
            "licence": self.tr("licence"),
            "datasets": self.tr("datasets"),
            "notes": self.tr("notes"),
            "folder": self.tr("folder"),
        }
