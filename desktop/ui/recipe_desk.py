"""Recipes in the window: what the menus and the replies ask for, what the dialogs show, and what a recipe changes."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow

from desktop.session.plans import PromptPlan, State
from desktop.session.recipe_keeper import RecipeKeeper
from desktop.session.recipe_plans import RecipeLook

from .details_panel import DetailsPanel
from .prompt_place import PromptPlace
from .recipe_dialogs import RecipeDialogs
from .recipe_menu import RecipeMenu
from .reproducing import Reproducer
from .stack_panel import StackPanel


class RecipeDesk(QObject):
    """Stands between the panels and the keeper of recipes."""

    #: Make these rows the stack, in the panel too: tuple of Lora.
    rows_wanted = Signal(object)
    #: Answer this plan.
    answer_wanted = Signal(object)
    #: It can't be done: a sentence.
    refused = Signal(str)
    #: It was done: a sentence.
    told = Signal(str)

    def __init__(
        self, window: QMainWindow, keeper: RecipeKeeper, stack: StackPanel, place: PromptPlace, details: DetailsPanel
    ) -> None:
        """Nothing is asked of the keeper before somebody wants it."""
        super().__init__(window)
        self._keeper = keeper
        self._stack = stack
        self._place = place
        self._details = details
        self._state = State.EMPTY
        self.dialogs = RecipeDialogs(window)
        self.again = Reproducer(self)
        self._connect_dialogs()
        self._connect_keeper()

    def connect_menu(self, menu: RecipeMenu) -> None:
        """The menu's verbs."""
        menu.save.triggered.connect(self.dialogs.ask_name_for_stack)
        menu.load.triggered.connect(self.dialogs.ask_for_recipe)
        menu.take_in.triggered.connect(self.dialogs.ask_for_import)
        menu.give_out.triggered.connect(self.dialogs.ask_for_recipe)

    def show_state(self, state: State) -> None:
        """What the session is doing."""
        self._state = state

    def _connect_dialogs(self) -> None:
        replies, keeper, dialogs = self._place.reply_menu, self._keeper, self.dialogs
        replies.save_requested.connect(dialogs.ask_name_for_reply)
        replies.copy_requested.connect(keeper.read_reply)
        replies.reproduce_requested.connect(keeper.reproduce)
        dialogs.list_wanted.connect(keeper.list_recipes)
        dialogs.look_wanted.connect(keeper.look_at)
        dialogs.apply_requested.connect(self._on_recipe_applied)
        dialogs.reply_named.connect(keeper.save_reply)
        dialogs.stack_named.connect(self._on_stack_named)
        dialogs.import_chosen.connect(keeper.take_in)
        dialogs.export_chosen.connect(keeper.give_out)

    def _connect_keeper(self) -> None:
        keeper, dialogs, again = self._keeper, self.dialogs, self.again
        keeper.recipes_listed.connect(dialogs.take_list)
        keeper.recipe_seen.connect(dialogs.take_look)
        keeper.recipe_read.connect(self._on_recipe_read)
        keeper.told.connect(self.told)
        keeper.refused.connect(self.refused)
        keeper.reproduction_found.connect(again.take)
        again.rows_wanted.connect(self.rows_wanted)
        again.answer_wanted.connect(self._on_answer_wanted)
        again.refused.connect(self.refused)

    @Slot(object, object)
    def _on_answer_wanted(self, plan: PromptPlan, shown: PromptPlan) -> None:
        if self._state is not State.READY:
            self.again.drop()
            self.refused.emit(self.tr("Another answer has begun meanwhile. Reproduce the reply when it has ended."))
            return
        self._details.show_plan(shown)
        self.answer_wanted.emit(plan)

    @Slot(object)
    def _on_recipe_applied(self, look: RecipeLook) -> None:
        self.rows_wanted.emit(look.rows)
        plan = look.plan
        if not plan.prompt:
            # A stack's recipe says nothing of them: what was typed stays.
            given, system = self._details.kept_texts()
            plan = msgspec.structs.replace(plan, input=given, system=system)
        self._details.show_plan(plan)
        if plan.prompt and not self._place.box.text():
            self._place.box.show_text(plan.prompt)

    @Slot(str)
    def _on_stack_named(self, name: str) -> None:
        self._keeper.save_stack(name, self._details.plan("", False), self._stack.rows())

    @Slot(str)
    def _on_recipe_read(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.told.emit(self.tr("The recipe was copied."))
