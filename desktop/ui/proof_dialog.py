"""The proof of a stack: what each adapter adds, against the formula, and whether the base came back."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desktop.engine.proof import Proof
from desktop.session.plans import Proved

from . import theme
from .lists import set_rows


class ProofDialog(QDialog):
    """Not modal."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Nothing was proved yet."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("The stack, verified"))
        self.resize(760, 360)
        self._heads = (
            self.tr("Adapter"),
            self.tr("Modules"),
            self.tr("Logits move"),
            self.tr("Error"),
            self.tr("Allowed"),
            self.tr("Base back"),
            self.tr("Holds"),
        )
        self._summary = theme.Note()
        self._table = QTableWidget(0, len(self._heads))
        self._table.setHorizontalHeaderLabels(list(self._heads))
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setTabKeyNavigation(False)
        self._table.setWordWrap(False)
        self._table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setAccessibleName(self.tr("What each adapter did"))
        self._table.setFont(theme.tabular(self._table.font()))
        set_rows(self._table)
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        explained = theme.Note(
            self.tr(
                "Error is the largest difference between what a module adds and the sum of weight x scaling x B A x in "
                "float64, relative to the module's output; Allowed is what rounding explains. The base is back when "
                "its logits equal those before, to the bit."
            )
        )
        buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton(self.tr("Copy"), QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(self._on_copy)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.MARGIN)
        for widget in (self._summary, self._table, explained, buttons):
            layout.addWidget(widget, 1 if widget is self._table else 0)

    def show_proved(self, proved: Proved) -> None:
        """What came of it."""
        if proved.holds:
            self._summary.say(self.tr("Everything holds: the adapters act as the formula says and the base came back."))
        else:
            self._summary.say(proved.files or self._what_fails(proved), error=True)
        self._table.setRowCount(len(proved.proofs))
        for number, proof in enumerate(proved.proofs):
            for column, text in enumerate(self._cells(proof)):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(theme.as_tooltip(text if not column else proof.why_unchecked))
                self._table.setItem(number, column, item)

    def _what_fails(self, proved: Proved) -> str:
        failing = [", ".join(proof.names) for proof in proved.proofs if not proof.holds]
        if not failing:
            return self.tr("There is no adapter on the stack, so there is nothing to verify.")
        words = self.tr("This does not hold: {names}. See its row below.").format(names="; ".join(failing))
        reasons = dict.fromkeys(one.why_unchecked for one in proved.proofs if not one.holds and one.why_unchecked)
        return " ".join([words, *reasons])

    def _cells(self, proof: Proof) -> tuple[str, ...]:
        check = proof.check
        unknown = self.tr("not checked")
        return (
            " + ".join(proof.names),
            str(check.modules) if check else "",
            f"{proof.moved:.3g}",
            f"{check.worst_error:.1e}" if check else unknown,
            f"{check.allowed:.1e}" if check else "",
            self.tr("bit for bit") if proof.base_is_back else self.tr("NO"),
            self.tr("yes") if proof.holds else self.tr("NO"),
        )

    def _on_copy(self) -> None:
        rows: list[tuple[str, ...]] = [self._heads]
        for row in range(self._table.rowCount()):
            items = [self._table.item(row, column) for column in range(self._table.columnCount())]
            rows.append(tuple(item.text() if item is not None else "" for item in items))
        QGuiApplication.clipboard().setText("\n".join("\t".join(row) for row in rows))
