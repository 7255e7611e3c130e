"""The window: builds the panels and wires them to the session. What a panel is about stands in its own file."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from PySide6.QtCore import QByteArray, Qt, Slot
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from desktop.api import ExportRequest, Lora
from desktop.session.plans import Answer, Loaded, LoadPlan, Problem, PromptPlan, State
from desktop.session.saved import Saved
from desktop.session.session import Session
from desktop.starter.install import MODEL as STARTER

from . import theme
from .base_panel import BasePanel
from .chat_desk import ChatDesk
from .chat_wiring import ChatWiring
from .conversation_desk import ConversationDesk
from .details_panel import DetailsPanel
from .dialogs import Dialogs
from .early_imports import EarlyImports
from .icons import Icons
from .job_bar import JobBar
from .menus import Menus
from .places import Places
from .prompt_desk import PromptDesk
from .prompt_place import PromptPlace
from .quantize_desk import QuantizeDesk
from .recipe_desk import RecipeDesk
from .stack_actions import StackActions
from .stack_panel import StackPanel
from .status_chip import StatusChip
from .thin_splitter import ThinSplitter
from .token_counter import TokenCounter
from .train_desk import TrainDesk

if TYPE_CHECKING:
    from .library_desk import LibraryDesk
    from .library_parts import LibraryParts
    from .textgen_desk import TextgenDesk


class MainWindow(QMainWindow):
    """One window, everything about the model being used always in sight."""

    def __init__(self, session: Session, saved: Saved) -> None:
        """As it was left; nothing is read or started before `begin`."""
        super().__init__()
        self.setWindowTitle(self.tr("LoRA Deck"))
        self.setAcceptDrops(True)
        self.setMinimumSize(1024, 640)
        self._session = session
        self._hints = saved.hints_dismissed
        self._theme: Literal["system", "light", "dark"] = saved.theme
        self._icons = Icons(self)
        self.base = BasePanel(self._icons)
        self.stack = StackPanel(self._icons)
        self.place = PromptPlace(self._icons)
        self.details = DetailsPanel()
        self.places = Places()
        self.places.add("prompt", self.tr("Prompt"), self._build_prompt_place)
        self.train_desk = TrainDesk(self, session.training, session.runs, self.stack, self._icons)
        self.places.add("train", self.tr("Train"), self.train_desk.build)
        self.places.add("library", self.tr("Library"), self._build_library_place)
        self.library: LibraryDesk | None = None
        self.textgen: TextgenDesk | None = None
        self._library_parts: LibraryParts | None = None
        self._early = EarlyImports(self, self._make_library_part)
        self.job_bar = JobBar()
        self.dialogs = Dialogs(self)
        self.recipe_desk = RecipeDesk(self, session.recipes, self.stack, self.place, self.details)
        self.prompt_desk = PromptDesk(self, session.prompts, self.details)
        self.chat = ChatDesk(self, self.stack, self.place, self.details)
        self.conversations = ConversationDesk(self, session.conversations, self.chat, self.place)
        self.menus = Menus(self)
        self.wiring = ChatWiring(self, self.menus, self.chat, self.conversations, self.place)
        self.quantize_desk = QuantizeDesk(self, self._icons)
        self.stack_actions = StackActions(self, self.menus.adapters, session.home.loras, session.home.models)
        self._chip = StatusChip()
        self._counter = TokenCounter(self)
        self._typed = 0
        self._build()
        self._restore(saved)
        self._connect_signals()
        self._on_state_changed(session.state)

    def begin(self, plan: LoadPlan | None, rows: tuple[Lora, ...] | None, notice: str = "") -> None:
        """Once the window shows: read the library, then load what was asked for, or what was loaded last."""
        self._icons.start()
        self._early.start()
        self.wiring.begin()
        self._session.list_library()
        self._session.library.downloads.begin()
        if rows is not None:
            self.stack.show_rows(rows)
        self.place.box.adapters.know_stack(self.stack.rows())
        self._session.let_changes_wait(self.menus.changes_wait.isChecked())
        self._session.read_notes()
        self.prompt_desk.begin(self.stack.effective_rows())
        self.train_desk.begin()
        self._session.set_rows(self.stack.effective_rows())
        if plan is not None:
            self.base.show_plan(plan)
            self._load(plan)
        else:
            self._session.warm_up()
        if (chosen := self.base.plan()) is not None:
            self._session.probe(chosen.path)
        if notice:
            self.place.banner.show_problem(Problem(sentence=notice))

    def gather(self) -> Saved:
        """The window as it should come back."""
        plan = self.details.plan(self.place.box.text(), compare=False)
        given, system = self.details.kept_texts()
        loaded = self._session.loaded
        return Saved(
            layout={
                "window": _encoded(self.saveGeometry()),
                "columns": _encoded(self._columns.saveState()),
                "middle": _encoded(self.place.split.saveState()),
            },
            theme=self._theme,
            place=self.places.current(),
            details_shown=self.menus.details.isChecked(),
            plan=loaded.plan if loaded else self.base.plan(),
            was_loaded=loaded is not None and self._session.state is not State.LOADING,
            rows=self.stack.rows(),
            prompt=plan.prompt,
            input=given,
            system=system,
            template=plan.template,
            sampling=plan.sampling,
            max_new_tokens=plan.max_new_tokens,
            stop=plan.stop,
            conversation=self.conversations.save(),
            notebook=self.place.notebook.text(),
            shows_notebook=self.place.shows_notebook,
            zoom=self.wiring.zoom,
            hints_dismissed=self._hints,
            changes_wait=self.menus.changes_wait.isChecked(),
            train=self.train_desk.draft(),
        )

    def _build_prompt_place(self) -> tuple[QWidget, QWidget | None]:
        return self.place, self.details

    def _make_library_part(self) -> bool:
        # Here and not above: the window starts without it.
        from .library_parts import LibraryParts

        if self.library is None and self._library_parts is None:
            self._library_parts = LibraryParts(self, self._icons)
        return self._library_parts is not None and self._library_parts.make_next()

    def _build_library_place(self) -> tuple[QWidget, QWidget | None]:
        from .library_desk import LibraryDesk
        from .library_parts import LibraryParts

        parts = self._library_parts or LibraryParts(self, self._icons)
        self.library = desk = LibraryDesk(self, self._session, parts)
        desk.adapter_chosen.connect(self.stack.add)
        desk.model_chosen.connect(self.base.choose)
        desk.quantize_wanted.connect(self.quantize_desk.ask)
        desk.told.connect(self._on_told)
        desk.place.here_shown.connect(self._on_here_shown)
        return desk.place, desk.details

    def _build(self) -> None:
        self.menuBar().setCornerWidget(self._chip)
        # As high as the titles beside it, whose line it is to stand on.
        self._chip.setMinimumHeight(self.menuBar().sizeHint().height())
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.base)
        column.addWidget(theme.line())
        column.addWidget(self.stack, 1)
        self._columns = ThinSplitter(Qt.Orientation.Horizontal)
        for widget in (left, self.places.middle, self.places.side):
            self._columns.addWidget(widget)
        self._columns.setStretchFactor(1, 1)
        self._columns.setSizes([320, 662, 298])
        left.setMinimumWidth(260)
        self.places.middle.setMinimumWidth(400)
        self.places.side.setMinimumWidth(240)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        bars = (theme.line(), self.quantize_desk.bar, self.job_bar)
        for widget in (theme.line(), self.places, self._columns, *bars):
            layout.addWidget(widget, 1 if widget is self._columns else 0)
        self.setCentralWidget(inside)
        self.resize(1280, 800)

    def _restore(self, saved: Saved) -> None:
        parts = {"window": self.restoreGeometry, "columns": self._columns.restoreState}
        parts["middle"] = self.place.split.restoreState
        for name, restore in parts.items():
            if name in saved.layout:
                restore(QByteArray.fromBase64(QByteArray(saved.layout[name].encode("ascii", "replace"))))
        theme.use_theme(saved.theme)
        self.menus.show_theme(saved.theme)
        self.menus.show_changes(saved.changes_wait)
        self.menus.details.setChecked(saved.details_shown)
        self.places.show_side(saved.details_shown)
        self.train_desk.keep_draft(saved.train)
        self.places.show_place(saved.place)
        if saved.plan is not None:
            self.base.show_plan(saved.plan)
        self.stack.show_rows(saved.rows)
        self.details.show_plan(
            PromptPlan(
                prompt="",
                input=saved.input,
                system=saved.system,
                template=saved.template,
                sampling=saved.sampling,
                max_new_tokens=saved.max_new_tokens,
                stop=saved.stop,
            )
        )
        self.place.box.show_text(saved.prompt)
        self.wiring.restore(saved)
        self.place.welcome.dismiss(saved.hints_dismissed)

    def _connect_signals(self) -> None:
        self._connect_model()
        self._connect_stack()
        self._connect_answers()
        self._connect_recipes()
        self._connect_training()
        self._connect_quantizing()
        self._connect_saving()
        self._connect_menus()

    def _connect_model(self) -> None:
        session, base, place = self._session, self.base, self.place
        base.load_requested.connect(self._load)
        base.cancel_requested.connect(session.cancel)
        base.unload_requested.connect(session.unload)
        base.model_chosen.connect(session.probe)
        base.browse_requested.connect(self.dialogs.ask_for_model)
        self.dialogs.model_chosen.connect(base.choose)
        place.welcome.starter_requested.connect(self._on_starter_requested)
        session.models_listed.connect(base.show_models)
        session.models_listed.connect(place.welcome.show_library)
        session.verdicts_found.connect(base.show_verdicts)
        session.memory_judged.connect(base.show_memory)
        session.state_changed.connect(self._on_state_changed)
        session.model_loaded.connect(self._on_model_loaded)
        session.model_unloaded.connect(self._on_model_unloaded)
        session.load_failed.connect(place.banner.show_problem)
        session.engine_lost.connect(self._on_engine_lost)
        session.starter_ready.connect(self._on_starter_ready)
        session.progressed.connect(self.job_bar.show_step)
        session.memory_measured.connect(self._chip.show_memory)
        session.files_changed.connect(self._on_files_changed)
        self.job_bar.cancel_requested.connect(session.cancel)

    def _connect_stack(self) -> None:
        session, stack, dialogs = self._session, self.stack, self.dialogs
        stack.stack_edited.connect(session.set_rows)
        stack.stack_edited.connect(self.place.box.adapters.know_stack)
        stack.library_requested.connect(dialogs.ask_for_adapter)
        stack.folder_requested.connect(dialogs.ask_for_adapter_folder)
        stack.fit_wanted.connect(session.judge_fit)
        stack.row_selected.connect(self._on_row_selected)
        self.details.facts.inspection_wanted.connect(session.inspect_adapter)
        self.details.facts.inspection_wanted.connect(session.judge_fit)
        session.adapter_inspected.connect(self.details.facts.show_inspection)
        session.fit_judged.connect(self.details.facts.show_fit)
        dialogs.adapter_chosen.connect(stack.add)
        session.adapters_listed.connect(dialogs.chooser.show_adapters)
        session.adapters_listed.connect(self.details.facts.know)
        session.adapters_listed.connect(self.place.box.adapters.know_library)
        session.stack_changed.connect(stack.show_report)
        session.fit_judged.connect(stack.show_fit)
        dialogs.chooser.fits_wanted.connect(session.judge_fits)
        session.fits_judged.connect(dialogs.chooser.show_fits)
        stack.note_edited.connect(session.keep_note)
        stack.trigger_requested.connect(self.place.box.insert)
        session.notes_known.connect(stack.show_notes)
        session.notes_failed.connect(self._say)

        self._connect_actions()

    def _connect_actions(self) -> None:
        actions, session, tools = self.stack_actions, self._session, self._session.tools
        actions.mode_wanted.connect(session.set_mode)
        actions.proof_wanted.connect(session.prove_stack)
        actions.export_wanted.connect(self._on_export_wanted)
        actions.said.connect(self.place.banner.show_news)
        tools.mode_changed.connect(actions.show_mode)
        tools.mode_changed.connect(self._chip.show_mode)
        tools.proved.connect(actions.show_proved)
        tools.exported.connect(actions.show_exported)
        tools.exported.connect(session.list_library)
        tools.failed.connect(self.place.banner.show_problem)
        tools.moved.connect(self.stack.effect.show_moved)

    def _connect_answers(self) -> None:
        session, place = self._session, self.place
        self.chat.answer_wanted.connect(self._begin_answer)
        self.chat.rows_wanted.connect(self._show_stack)
        self.chat.progressed.connect(self.job_bar.show_running)
        self.chat.shown.connect(self._show_context)
        self.conversations.told.connect(self._on_told)
        self.conversations.refused.connect(self._say)
        place.box.stop_requested.connect(session.cancel)
        place.notebook.stop_requested.connect(session.cancel)
        place.box.text_edited.connect(self._on_text_edited)
        place.banner.retry_requested.connect(self._on_retry_requested)
        session.answer_grew.connect(self.chat.grow)
        session.answer_ended.connect(self._on_answer_ended)
        session.answer_failed.connect(self._on_answer_failed)
        session.work_failed.connect(self._on_work_failed)
        self.dialogs.refused.connect(self._say)
        self._counter.count_wanted.connect(session.count_tokens)
        session.tokens_counted.connect(self._counter.take)
        self._counter.counted.connect(place.box.show_count)
        desk = self.prompt_desk
        desk.refused.connect(self._say)
        desk.editor.counter.count_wanted.connect(session.count_tokens)
        session.tokens_counted.connect(desk.editor.counter.take)
        desk.editor.counter.count_wanted.connect(session.tokens.split)
        session.tokens.tokens_split.connect(desk.editor.take_tokens)
        self.stack.stack_edited.connect(desk.know_rows)
        self._counter.counted.connect(self._on_counted)

    def _connect_recipes(self) -> None:
        session, desk = self._session, self.recipe_desk
        desk.connect_menu(self.menus.recipes)
        desk.rows_wanted.connect(self._show_stack)
        desk.answer_wanted.connect(self._begin_answer)
        desk.refused.connect(self._say)
        desk.told.connect(self._on_told)
        again = desk.again
        again.mode_wanted.connect(session.set_mode)
        session.tools.mode_changed.connect(again.know_mode)
        session.tools.ended.connect(again.take_end)
        session.stack_changed.connect(again.take_report)
        session.answer_failed.connect(again.drop)
        session.engine_lost.connect(again.drop)

    def _connect_training(self) -> None:
        session, desk = self._session, self.train_desk
        session.models_listed.connect(desk.know_models)
        session.adapters_listed.connect(desk.know_adapters)
        desk.rows_wanted.connect(self._show_stack)
        desk.library_changed.connect(session.list_library)
        desk.told.connect(self._on_told)
        self.menus.send.triggered.connect(self._on_main_verb)
        desk.measure_wanted.connect(session.measure)
        session.measuring.measured.connect(desk.show_measured)
        session.tools.failed.connect(desk.show_failed)

    def _connect_quantizing(self) -> None:
        keeper, desk = self._session.quantizing, self.quantize_desk
        desk.look_wanted.connect(keeper.look_at)
        desk.quantize_wanted.connect(keeper.quantize)
        desk.show_wanted.connect(self._show_in_library)
        desk.bar.cancel_requested.connect(keeper.cancel)
        keeper.looked.connect(desk.take_look)
        keeper.progressed.connect(desk.bar.show_step)
        keeper.quantized.connect(desk.show_quantized)
        keeper.failed.connect(desk.show_failed)
        keeper.cancelled.connect(desk.show_cancelled)
        keeper.became_free.connect(desk.show_free)

    def _connect_saving(self) -> None:
        session, place = self._session, self.place
        place.box.text_edited.connect(session.touch)
        place.notebook.text_edited.connect(session.touch)
        self.chat.changed.connect(session.touch)
        place.welcome.hint_dismissed.connect(self._on_hint_dismissed)
        self.stack.stack_edited.connect(session.touch)
        self.train_desk.draft_edited.connect(session.touch)
        self.base.plan_changed.connect(session.touch)
        self.details.plan_edited.connect(session.touch)
        self._columns.splitterMoved.connect(session.touch)
        session.save_due.connect(self._on_save_due)
        session.save_failed.connect(self._say)

    def _connect_menus(self) -> None:
        session, menus, dialogs = self._session, self.menus, self.dialogs
        menus.load.triggered.connect(self.base.request_load)
        menus.unload.triggered.connect(session.unload)
        menus.quantize.triggered.connect(self._on_quantize_wanted)
        menus.refresh.triggered.connect(session.list_library)
        menus.textgen.triggered.connect(self._on_textgen_wanted)
        menus.quit.triggered.connect(self.close)
        menus.add_adapter.triggered.connect(dialogs.ask_for_adapter)
        menus.add_folder.triggered.connect(dialogs.ask_for_adapter_folder)
        menus.changes_wait.toggled.connect(session.let_changes_wait)
        menus.changes_wait.toggled.connect(session.touch)
        menus.stop.triggered.connect(session.cancel)
        menus.details.toggled.connect(self.places.show_side)
        self.places.place_changed.connect(session.touch)
        menus.details.toggled.connect(session.touch)
        menus.themes.triggered.connect(self._on_theme_chosen)
        menus.loaders.triggered.connect(dialogs.show_loaders)
        menus.about.triggered.connect(dialogs.show_about)
        dialogs.loaders_wanted.connect(session.describe_loaders)
        dialogs.loaders_wanted.connect(session.look_at_devices)
        session.loaders_described.connect(dialogs.take_loaders)
        session.devices_found.connect(dialogs.take_devices)

    @Slot()
    def _on_textgen_wanted(self) -> None:
        if self.textgen is None:
            # Here and not above: the window starts without it.
            from .textgen_desk import TextgenDesk

            self.textgen = TextgenDesk(self, self._session.library.folders)
        self.textgen.ask()

    @Slot(object)
    def _begin_answer(self, plan: PromptPlan) -> None:
        loaded = self._session.loaded
        if loaded is not None and self._session.state is State.READY:
            self.chat.begin(plan)
            self._session.answer(plan)

    @Slot(object)
    def _load(self, plan: LoadPlan) -> None:
        self.place.banner.hide()
        if plan.name == STARTER and not Path(plan.path).exists():
            self._session.get_starter(plan)
        else:
            self._session.load(plan)

    @Slot(str)
    def _say(self, sentence: str) -> None:
        self.place.banner.show_problem(Problem(sentence=sentence))

    @Slot(object)
    def _on_state_changed(self, state: State) -> None:
        for part in (self.chat, self.base, self.place, self.job_bar, self._chip, self.stack_actions, self.recipe_desk):
            part.show_state(state)
        self.train_desk.show_state(state)

    @Slot(object)
    def _on_model_loaded(self, loaded: Loaded) -> None:
        self._chip.show_model(loaded.plan.name)
        self.dialogs.know_versions(loaded.info.versions)
        self.chat.know_versions(loaded.info.versions)
        for part in (self.base, self.details, self.place, self.stack_actions, self.prompt_desk, self.train_desk):
            part.show_loaded(loaded)
        self.recipe_desk.again.know_mode("exact")
        self._chip.show_mode("exact")
        self.dialogs.chooser.show_base(loaded.info.path)
        self._counter.text_changed(self.place.box.text())
        self._show_context()
        if not self.base.lists(loaded.info.path):
            # Fetched or converted just now. Else reading the library would only hold up the painting of what is new.
            self._session.list_library()
        self._session.touch()

    @Slot()
    def _on_model_unloaded(self) -> None:
        self._chip.show_model("")
        for part in (self.base, self.details, self.place, self.stack_actions, self.prompt_desk, self.train_desk):
            part.show_loaded(None)
        self.stack.show_unloaded()
        self.dialogs.chooser.show_base("")
        self._session.touch()

    @Slot(str, str)
    def _on_export_wanted(self, what: Literal["adapter", "model"], folder: str) -> None:
        self._session.export_stack(ExportRequest(folder=folder, what=what))

    @Slot(object)
    def _on_engine_lost(self, problem: Problem) -> None:
        self.place.banner.show_problem(problem, self.tr("Start again"))

    @Slot()
    def _on_starter_requested(self) -> None:
        self._session.get_starter()

    @Slot(str, str)
    def _on_starter_ready(self, model: str, adapter: str) -> None:
        self.base.choose(model)
        if all(row.path != adapter for row in self.stack.rows()):
            self.stack.add(adapter)

    @Slot(str)
    def _on_files_changed(self, sentence: str) -> None:
        self.place.banner.show_problem(Problem(sentence=sentence, can_retry=True), self.tr("Load again"))

    @Slot(str, str)
    def _on_work_failed(self, words: str, trace: str) -> None:
        sentence = self.tr("Something went wrong inside the program: {words}. Your text and your stack are kept.")
        self.place.banner.show_problem(Problem(sentence=sentence.format(words=words), detail=trace))

    @Slot()
    def _on_retry_requested(self) -> None:
        if self._session.loaded is not None:
            self._session.restart()
        elif (plan := self.base.plan()) is not None:
            self._load(plan)
        else:
            self._session.get_starter()

    @Slot(object)
    def _on_row_selected(self, row: Lora | None) -> None:
        self.details.facts.show_row(row, self.stack.report())

    @Slot()
    def _on_quantize_wanted(self) -> None:
        if (plan := self.base.plan()) is not None:
            self.quantize_desk.ask(plan.path, plan.name)
        else:
            self._say(self.tr("Choose the model first that is to be quantised."))

    @Slot(str)
    def _show_in_library(self, path: str) -> None:
        self.places.show_place("library")
        if self.library is not None:
            self.library.place.show_here(path)

    @Slot()
    def _on_main_verb(self) -> None:
        if self.places.current() == "train":
            self.train_desk.start()

    @Slot(object)
    def _show_stack(self, rows: tuple[Lora, ...]) -> None:
        self.stack.show_rows(rows)
        self._session.set_rows(rows)
        self._session.touch()

    @Slot(bool)
    def _on_here_shown(self, here: bool) -> None:
        self.places.show_side_of("library", here)

    @Slot(str)
    def _on_told(self, sentence: str) -> None:
        self.job_bar.show_step(sentence, None)

    @Slot(object)
    def _on_answer_ended(self, answer: Answer) -> None:
        self.chat.end(self.recipe_desk.again.judge(answer))
        self.job_bar.show_side(answer.with_stack, self._context())

    @Slot(object, object)
    def _on_answer_failed(self, problem: Problem, answer: Answer) -> None:
        self.chat.end(msgspec.structs.replace(answer, problem=problem.sentence))
        self.place.banner.show_problem(problem)

    def _context(self) -> int:
        return self._session.loaded.info.context_length if self._session.loaded else 0

    @Slot()
    def _show_context(self) -> None:
        self.place.bar.show_context(self.chat.used_tokens(self._typed), self._context())

    @Slot(object)
    def _on_counted(self, tokens: int | None) -> None:
        self._typed = tokens or 0
        self._show_context()

    @Slot()
    def _on_text_edited(self) -> None:
        self._counter.text_changed(self.place.box.text())

    @Slot(str)
    def _on_hint_dismissed(self, name: str) -> None:
        self._hints = (*self._hints, name)
        self._session.touch()

    @Slot()
    def _on_save_due(self) -> None:
        self._session.save(self.gather())

    @Slot(QAction)
    def _on_theme_chosen(self, action: QAction) -> None:
        self._theme = action.data()
        theme.use_theme(self._theme)
        self._session.touch()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Folders and files of this machine are welcome."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Add adapters, choose a model, or say what else it is."""
        event.acceptProposedAction()
        self.dialogs.take([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Save before anything ends; what would be lost all the same is said first."""
        if not self.quantize_desk.may_close():
            event.ignore()
            return
        self._session.save(self.gather())
        super().closeEvent(event)


def _encoded(state: QByteArray) -> str:
    return b64encode(bytes(state.data())).decode("ascii")
