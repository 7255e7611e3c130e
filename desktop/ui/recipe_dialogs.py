"""The dialogs about recipes and what comes of them. Only the system's own are modal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop.library.recipes import RecipeEntry
from desktop.session.recipe_plans import RecipeLook

if TYPE_CHECKING:
    from .recipe_list_dialog import RecipeListDialog
    from .recipe_name_dialog import RecipeNameDialog


class RecipeDialogs(QObject):
    """Made when they are first wanted, kept afterwards."""

    #: The list of recipes is wanted.
    list_wanted = Signal()
    #: Compare this recipe with what is here.
    look_wanted = Signal(str)
    #: Apply this: RecipeLook.
    apply_requested = Signal(object)
    #: Save the recipe of a reply: its id, the name.
    reply_named = Signal(str, str)
    #: Save the present stack under this name.
    stack_named = Signal(str)
    #: Import this file.
    import_chosen = Signal(str)
    #: Export the recipe of this name to this file.
    export_chosen = Signal(str, str)

    def __init__(self, window: QWidget) -> None:
        """`window` is what they stand before."""
        super().__init__(window)
        self._window = window
        self._reply = ""
        self._names: RecipeNameDialog | None = None
        self._list: RecipeListDialog | None = None

    @Slot(str)
    def ask_name_for_reply(self, reply_id: str) -> None:
        """Save the recipe of a reply."""
        self._reply = reply_id
        self._ask_name(self.tr("The recipe of this reply, with its prompt and its tokens, to make it again."))

    @Slot()
    def ask_name_for_stack(self) -> None:
        """Save the present stack."""
        self._reply = ""
        self._ask_name(self.tr("The base model, the stack with its weights, the template and the sampling."))

    @Slot()
    def ask_for_recipe(self) -> None:
        """Choose a recipe to apply or to export."""
        if self._list is None:
            from .recipe_list_dialog import RecipeListDialog

            self._list = dialog = RecipeListDialog(self._window)
            dialog.look_wanted.connect(self.look_wanted)
            dialog.apply_requested.connect(self.apply_requested)
            dialog.export_requested.connect(self._on_export_requested)
            dialog.import_requested.connect(self.ask_for_import)
        self._list.ask()
        self.list_wanted.emit()

    @Slot()
    def ask_for_import(self) -> None:
        """Choose a file to import."""
        kinds = self.tr("Recipes (*.json);;All files (*)")
        path = QFileDialog.getOpenFileName(self._window, self.tr("Import a recipe"), "", kinds)[0]
        if path:
            self.import_chosen.emit(path)

    @Slot(list)
    def take_list(self, entries: Sequence[RecipeEntry]) -> None:
        """The folder of recipes was read."""
        if self._names is not None:
            self._names.know_taken([entry.name for entry in entries])
        if self._list is not None:
            self._list.show_recipes(entries)

    @Slot(object)
    def take_look(self, look: RecipeLook) -> None:
        """A recipe was compared with what is here."""
        if self._list is not None:
            self._list.show_look(look)

    def _ask_name(self, what: str) -> None:
        if self._names is None:
            from .recipe_name_dialog import RecipeNameDialog

            self._names = RecipeNameDialog(self._window)
            self._names.name_chosen.connect(self._on_name_chosen)
        self._names.ask(what)
        self.list_wanted.emit()

    @Slot(str)
    def _on_name_chosen(self, name: str) -> None:
        if self._reply:
            self.reply_named.emit(self._reply, name)
        else:
            self.stack_named.emit(name)

    @Slot(str)
    def _on_export_requested(self, name: str) -> None:
        title, kinds = self.tr("Export a recipe"), self.tr("Recipes (*.json)")
        path = QFileDialog.getSaveFileName(self._window, title, f"{name}.json", kinds)[0]
        if path:
            self.export_chosen.emit(name, path)
