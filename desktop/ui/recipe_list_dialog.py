"""The saved recipes: what each holds, what is missing or differs here, and the way to apply or export it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from desktop.library.recipes import RecipeEntry
from desktop.session.recipe_plans import RecipeLook

from . import theme
from .lists import set_rows

ENTRY_ROLE = Qt.ItemDataRole.UserRole


class RecipeListDialog(QDialog):
    """Not modal."""

    #: What would differ if this recipe were applied: its name.
    look_wanted = Signal(str)
    #: Apply this: RecipeLook.
    apply_requested = Signal(object)
    #: Export the recipe of this name.
    export_requested = Signal(str)
    #: Import a recipe.
    import_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Nothing was listed yet."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Recipes"))
        self.resize(660, 480)
        self._look: RecipeLook | None = None
        self._items = QStandardItemModel(0, 3, self)
        self._items.setHorizontalHeaderLabels([self.tr("Recipe"), self.tr("Base model"), self.tr("Adapters")])
        self._view = QTreeView()
        self._view.setModel(self._items)
        self._view.setRootIsDecorated(False)
        self._view.setUniformRowHeights(True)
        set_rows(self._view)
        self._view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._view.setAccessibleName(self.tr("Saved recipes"))
        self._view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._view.header().resizeSection(0, 220)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setAccessibleName(self.tr("What is missing and what differs"))
        self._text.setFixedHeight(150)
        self._buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Close)
        self._apply = self._buttons.addButton(self.tr("Apply"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._export = self._buttons.addButton(self.tr("Export..."), QDialogButtonBox.ButtonRole.ActionRole)
        self._import = self._buttons.addButton(self.tr("Import..."), QDialogButtonBox.ButtonRole.ActionRole)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self._view, 1)
        layout.addWidget(self._text)
        layout.addWidget(self._buttons)
        self._apply.setDefault(True)
        self._connect_signals()
        self._show_chosen()

    def ask(self) -> None:
        """Open with the keyboard on the list."""
        self.show()
        self.raise_()
        self.activateWindow()
        self._view.setFocus()

    def show_recipes(self, entries: Sequence[RecipeEntry]) -> None:
        """The folder was read."""
        chosen = self._chosen()
        self._items.setRowCount(0)
        for entry in entries:
            self._items.appendRow(self._cells(entry))
        names = [entry.name for entry in entries]
        row = names.index(chosen.name) if chosen is not None and chosen.name in names else 0
        if entries:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self._view.selectionModel().setCurrentIndex(self._items.index(row, 0), flags)
        self._show_chosen()

    def show_look(self, look: RecipeLook) -> None:
        """A recipe was compared with what is here."""
        chosen = self._chosen()
        if chosen is None or chosen.name != look.entry.name:
            return
        self._look = look
        alike = self.tr("Everything the recipe needs is here, and nothing is known to differ.")
        self._text.setPlainText("\n".join((*self._facts(look), "", *(look.told or (alike,)))))
        self._apply.setEnabled(True)

    def _facts(self, look: RecipeLook) -> list[str]:
        plan, rows = look.plan, look.entry.adapters
        seed = self.tr("no seed") if plan.sampling.seed is None else self.tr("seed {seed}")
        facts = [
            self.tr("Template: {template}").format(template=plan.template or self.tr("automatic")),
            self.tr("Sampling: {how}").format(how=seed.format(seed=plan.sampling.seed)),
            self.tr("Stack: {rows}").format(rows=" + ".join(rows) or self.tr("no adapters")),
        ]
        if plan.prompt:
            facts.append(self.tr("Prompt: {prompt}").format(prompt=" ".join(plan.prompt[:200].split())))
        return facts

    def _connect_signals(self) -> None:
        self._view.selectionModel().currentRowChanged.connect(self._show_chosen)
        self._view.activated.connect(self._on_activated)
        self._buttons.accepted.connect(self._on_apply)
        self._buttons.rejected.connect(self.reject)
        self._export.clicked.connect(self._on_export)
        self._import.clicked.connect(self.import_requested)

    def _cells(self, entry: RecipeEntry) -> list[QStandardItem]:
        base = self.tr("can't be used") if entry.problem else entry.base
        cells = [QStandardItem(" ".join(text.split())) for text in (entry.name, base, " + ".join(entry.adapters))]
        cells[0].setData(entry, ENTRY_ROLE)
        for cell in cells:
            cell.setToolTip(theme.as_tooltip(entry.problem or entry.path))
        return cells

    def _chosen(self) -> RecipeEntry | None:
        index = self._view.currentIndex()
        entry: RecipeEntry | None = index.siblingAtColumn(0).data(ENTRY_ROLE) if index.isValid() else None
        return entry

    def _show_chosen(self) -> None:
        self._look = None
        entry = self._chosen()
        self._apply.setEnabled(False)
        self._export.setEnabled(entry is not None and not entry.problem)
        if entry is None:
            self._text.setPlainText(self.tr("No recipes yet. Save the present stack, or the recipe of a reply."))
        elif entry.problem:
            self._text.setPlainText(self.tr("It can't be used: {problem}").format(problem=entry.problem))
        else:
            self._text.setPlainText(self.tr("Looking for its adapters..."))
            self.look_wanted.emit(entry.name)

    def _on_activated(self, _: QModelIndex) -> None:
        self._on_apply()

    def _on_apply(self) -> None:
        if self._look is not None:
            self.apply_requested.emit(self._look)
            self.accept()

    def _on_export(self) -> None:
        if (entry := self._chosen()) is not None:
            self.export_requested.emit(entry.name)
