"""The session: everything the window can ask for, and everything it hears back, on the GUI thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from desktop.api import ExportRequest, Lora, Mode
from desktop.discovery.loaders import Loaders
from desktop.engine.governor import Governor
from desktop.library.adapter_notes import AdapterNote
from desktop.library.home import Home
from desktop.library.settings import Settings

from .conversation_keeper import ConversationKeeper
from .driver import EngineDriver
from .library_keepers import LibraryKeepers
from .library_reader import LibraryReader
from .measuring import Measuring
from .note_keeper import NoteKeeper
from .plans import Answer, Loaded, LoadPlan, Problem, PromptPlan, State
from .prompt_keeper import PromptKeeper
from .quantize_keeper import QuantizeKeeper
from .recipe_keeper import RecipeKeeper
from .run_keeper import RunKeeper
from .saved import Saved
from .saver import Saver
from .token_splitter import TokenSplitter
from .train_keeper import TrainKeeper
from .train_plans import MeasurePlan

WATCH_INTERVAL = 1000
"""Milliseconds between two looks at the engine: is it alive, how much memory does it take."""
STUCK = 3000
"""Milliseconds an answer has to stop. After that, stopping it again ends the engine."""
DEFAULT_LOADER = "transformers"
"""The loader whose engine is warmed while nobody has said which will be needed."""


class Session(QObject):
    """Owns the engine, the library reader and the saver. Lives on the GUI thread; no verb waits."""

    #: The State has changed.
    state_changed = Signal(object)
    #: What is being done, and the fraction of it that is done or None.
    progressed = Signal(str, object)
    #: A model is ready: Loaded.
    model_loaded = Signal(object)
    #: No model is loaded any more.
    model_unloaded = Signal()
    #: Loading failed: Problem.
    load_failed = Signal(object)
    #: Loading was cancelled.
    load_cancelled = Signal()
    #: The starter lies in the library: the paths of model and adapter.
    starter_ready = Signal(str, str)
    #: What is attached: StackReport.
    stack_changed = Signal(object)
    #: A piece of an answer: 0 for the stack's or 1 for the base's, the text, the number of tokens.
    answer_grew = Signal(int, str, int)
    #: An answer ended, whole or stopped: Answer.
    answer_ended = Signal(object)
    #: An answer failed: Problem, and the Answer as far as it came.
    answer_failed = Signal(object, object)
    #: The engine is gone: Problem.
    engine_lost = Signal(object)
    #: A text's number and how many tokens it takes.
    tokens_counted = Signal(int, int)
    #: The files of the loaded model have changed: a sentence.
    files_changed = Signal(str)
    #: Bytes the engine takes; 0 without one.
    memory_measured = Signal(object)
    #: The models of the library: list of ModelEntry.
    models_listed = Signal(list)
    #: The adapters of the library: list of AdapterEntry.
    adapters_listed = Signal(list)
    #: Everything about an adapter: its path, and the Inspection.
    adapter_inspected = Signal(str, object)
    #: Every loader: list of Found, and notes about the plugins.
    loaders_described = Signal(list, list)
    #: The verdicts about the model at a path: list of Choice, best first.
    verdicts_found = Signal(str, list)
    #: What the context of the model at a path costs: MemoryFacts.
    memory_judged = Signal(str, object)
    #: Whether an adapter fits a model: both paths, and the Fit.
    fit_judged = Signal(str, str, object)
    #: Whether adapters fit a model, some at a time: the model's path, and a dict of Fit by the adapter's path.
    fits_judged = Signal(str, object)
    #: What torch sees and what the machine has: list of DeviceLine.
    devices_found = Signal(list)
    #: What is kept about adapters: AdapterNote by the adapter's key.
    notes_known = Signal(object)
    #: It could not be read or kept: a sentence.
    notes_failed = Signal(str)
    #: It is time to save: hand the state to `save`.
    save_due = Signal()
    #: Saving failed: a sentence.
    save_failed = Signal(str)
    #: A bug: the exception in words, and its traceback.
    work_failed = Signal(str, str)

    def __init__(self, home: Home, settings: Settings, parent: QObject | None = None) -> None:
        """Threads are started, processes are not."""
        super().__init__(parent)
        self.home = home
        self.settings = settings
        self.state = State.EMPTY
        self.loaded: Loaded | None = None
        self._rows: tuple[Lora, ...] = ()
        self._starter_plan: LoadPlan | None = None
        self._loaders = Loaders(home, settings)
        governor = Governor()
        self._driver = EngineDriver(home, self._loaders, governor, self)
        self.tools = self._driver.tools
        """What is done with the whole stack; its signals tell what came of it."""
        self.measuring = Measuring(home, self.tools, self)
        self._reader = LibraryReader(home, settings, self._loaders, self)
        self._saver = Saver(home.root, self)
        self._notes = NoteKeeper(home.root, self._saver.lanes[0], self)
        self.recipes = RecipeKeeper(home, settings, self)
        self.library = LibraryKeepers(home, settings, self._reader, self)
        """The library's place: its list, what is changed in it, downloads, and the search of the hub."""
        self.prompts = PromptKeeper(home, self)
        self.training = TrainKeeper(home, settings, self._loaders, self._driver.asking, self)
        self.tokens = TokenSplitter(self._driver.asking, lambda: self.state is State.READY, self)
        self.runs = RunKeeper(home, governor, self)
        self.quantizing = QuantizeKeeper(home, self._loaders, governor, self)
        self.conversations = ConversationKeeper(home, self)
        self._stuck = False
        self._told_waiting = False
        self._patience = QTimer(self, singleShot=True, interval=STUCK)
        self._watch = QTimer(self, interval=WATCH_INTERVAL)
        self._watch.start()
        self._connect_signals()

    def warm_up(self, loader: str = "") -> None:
        """Start an idle engine, so that the first load costs only the model."""
        if self.state is State.EMPTY:
            self._driver.warm(loader or self.settings.loader or DEFAULT_LOADER)

    def load(self, plan: LoadPlan) -> None:
        """Load a model in the place of the present one."""
        self._become(State.LOADING)
        self.library.changer.know_wanted(plan.path)
        self._driver.load(plan)

    def get_starter(self, plan: LoadPlan | None = None) -> None:
        """Fetch the starter model and its adapter, then load it by `plan`."""
        self._starter_plan = plan
        self._become(State.LOADING)
        self._driver.get_starter()

    def cancel(self) -> None:
        """End what is going on: a load at once, an answer at its next token; one that is stuck, with its engine."""
        if self.state is State.LOADING or (self.state is State.ANSWERING and self._stuck):
            self._driver.end_engine()
        elif self.state is State.WORKING:
            if not self.tools.stop():
                self._driver.end_engine()
        elif self.state is State.ANSWERING:
            self._driver.stop_answer()
            if not self._patience.isActive():
                self._patience.start()

    def unload(self) -> None:
        """Give the model's memory back."""
        if self.state in {State.READY, State.LOST}:
            self._driver.unload()

    def restart(self) -> None:
        """After the loss of the engine: the same model and the same stack again."""
        if self.loaded is not None:
            self.load(self.loaded.plan)

    def set_rows(self, rows: Sequence[Lora]) -> None:
        """Make these rows the stack; without a model they wait for one."""
        self._rows = tuple(rows)
        self._driver.stack.want(self._rows)
        self.library.changer.know_rows(self._rows)
        self._tell_waiting()

    def let_changes_wait(self, wait: bool) -> None:
        """Whether changes of the stack wait for the end of a running answer, or act at once where the loader can."""
        self._driver.stack.let_changes_wait(wait)
        self._tell_waiting()

    def answer(self, plan: PromptPlan) -> None:
        """Answer a prompt, if a model is ready."""
        if self.state is State.READY:
            self._stuck = False
            self._told_waiting = False
            self._become(State.ANSWERING)
            self._driver.answer(plan)

    def set_mode(self, mode: Mode) -> None:
        """Fold the stack into the weights, or compute it exactly again."""
        if self._begin_work():
            self.tools.set_mode(mode)

    def prove_stack(self) -> None:
        """Prove that the adapters act and that the base comes back."""
        if self._begin_work():
            self.tools.prove()

    def export_stack(self, request: ExportRequest) -> None:
        """Write the stack to disk."""
        if self._begin_work():
            self.tools.export(request)

    def measure(self, plan: MeasurePlan) -> None:
        """Measure the base, adapters and stacks on rows."""
        if self.loaded is not None and self._begin_work():
            self.measuring.measure(plan, self.loaded.info)

    def count_tokens(self, number: int, text: str) -> None:
        """Count a text's tokens, if the engine is idle."""
        if self.state is State.READY:
            self._driver.count_tokens(number, text)

    @Slot()
    def list_library(self) -> None:
        """Read the library's folders anew."""
        self._reader.list_all()

    def describe_loaders(self) -> None:
        """Ask every loader what it is."""
        self._reader.describe_loaders()

    def look_at_devices(self) -> None:
        """Compare what torch sees with what the machine has."""
        self._reader.look_at_devices()

    def probe(self, path: str) -> None:
        """Ask the loaders about a model."""
        self._reader.probe(path)

    def inspect_adapter(self, path: str) -> None:
        """Read everything about an adapter."""
        self._reader.inspect_adapter(path)

    def judge_fit(self, adapter: str) -> None:
        """Compare an adapter with the loaded model; without one there is nothing to compare."""
        if self.loaded is not None:
            self._reader.judge_fit(adapter, self.loaded.info.path)

    def judge_fits(self, adapters: Sequence[str]) -> None:
        """Compare many adapters with the loaded model, the verdicts come in portions; what was asked before is left."""
        if self.loaded is not None:
            self._reader.judge_fits(adapters, self.loaded.info.path)

    def read_notes(self) -> None:
        """Read what is kept about adapters."""
        self._notes.read()

    def keep_note(self, adapter: str, note: AdapterNote) -> None:
        """Keep a note about the adapter at a path."""
        self._notes.keep(adapter, note)

    @Slot()
    def touch(self) -> None:
        """Something worth saving has changed."""
        self._saver.touch()

    def save(self, saved: Saved) -> None:
        """Write the state to the disk. Never waits."""
        self._saver.write(saved)

    def shut_down(self) -> None:
        """End processes and threads; waits for them."""
        self._watch.stop()
        self._patience.stop()
        self._reader.shut_down()
        self.training.shut_down()  # before the lane it asks the engine on
        self._driver.shut_down()
        self.recipes.shut_down()
        self.prompts.shut_down()
        self.runs.shut_down()
        self.quantizing.shut_down()
        self.conversations.shut_down()
        self.library.shut_down()
        self._saver.shut_down()

    def _connect_signals(self) -> None:
        driver, reader, saver = self._driver, self._reader, self._saver
        # What only passes through
        driver.progressed.connect(self.progressed)
        self.tools.progressed.connect(self.progressed)
        driver.starter_ready.connect(self.starter_ready)
        driver.stack_changed.connect(self.stack_changed)
        driver.answer_grew.connect(self.answer_grew)
        driver.tokens_counted.connect(self.tokens_counted)
        driver.files_changed.connect(self.files_changed)
        reader.models_listed.connect(self.models_listed)
        reader.adapters_listed.connect(self.adapters_listed)
        reader.adapter_inspected.connect(self.adapter_inspected)
        reader.loaders_described.connect(self.loaders_described)
        reader.verdicts_found.connect(self.verdicts_found)
        reader.memory_judged.connect(self.memory_judged)
        reader.fit_judged.connect(self.fit_judged)
        reader.fits_judged.connect(self.fits_judged)
        reader.devices_found.connect(self.devices_found)
        saver.due.connect(self.save_due)
        saver.save_failed.connect(self.save_failed)
        self._notes.notes_known.connect(self.notes_known)
        self._notes.notes_failed.connect(self.notes_failed)
        keepers = (
            self.recipes,
            self.prompts,
            self.training,
            self.runs,
            self.conversations,
            self.library,
            self.quantizing,
        )
        self._connect_library()
        for lane in (
            *driver.lanes,
            *reader.lanes,
            *saver.lanes,
            *(lane for keeper in keepers for lane in keeper.lanes),
        ):
            lane.work_failed.connect(self.work_failed)
        # What changes the state
        driver.loaded.connect(self._on_loaded)
        driver.load_failed.connect(self._on_load_failed)
        driver.load_cancelled.connect(self._on_load_cancelled)
        driver.starter_ready.connect(self._on_starter_ready)
        driver.unloaded.connect(self._on_unloaded)
        driver.answer_ended.connect(self._on_answer_ended)
        driver.answer_failed.connect(self._on_answer_failed)
        driver.lost.connect(self._on_lost)
        self.tools.ended.connect(self._on_work_ended)
        self.model_loaded.connect(self.recipes.know_loaded)
        self.tools.mode_changed.connect(self.recipes.know_mode)
        self.model_unloaded.connect(self.recipes.forget_loaded)
        self._watch.timeout.connect(self._look_at_engine)
        self._patience.timeout.connect(self._on_patience_ended)

    def _connect_library(self) -> None:
        shelf, changer, hub = self.library.shelf, self.library.changer, self.library.hub
        self.library.listing_wanted.connect(self.list_library)
        self.library.folders.folders_changed.connect(self.prompts.list_all)
        self.library.folders.folders_changed.connect(self.training.list_data)
        for keeper in (shelf, changer, hub):
            self.model_loaded.connect(keeper.know_loaded)
        for keeper in (changer, hub):
            self.model_unloaded.connect(keeper.forget_loaded)
        self.stack_changed.connect(shelf.know_report)
        self.load_failed.connect(changer.forget_wanted)
        self.load_cancelled.connect(changer.forget_wanted)
        self.quantizing.began.connect(changer.know_quantized)
        self.quantizing.became_free.connect(changer.forget_quantized)
        self.quantizing.quantized.connect(self.list_library)

    def _begin_work(self) -> bool:
        if self.state is not State.READY:
            return False
        self._become(State.WORKING)
        return True

    @Slot()
    def _on_work_ended(self) -> None:
        if self.state is State.WORKING:
            self._become(State.READY)

    def _tell_waiting(self) -> None:
        if self.state is State.ANSWERING and self._driver.stack.waits is not self._told_waiting:
            self._told_waiting = not self._told_waiting
            waiting = self.tr("Answering. The changed stack waits for the next answer.")
            self.progressed.emit(waiting if self._told_waiting else self.tr("Answering"), None)

    def _become(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.state_changed.emit(state)

    @Slot(object)
    def _on_loaded(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self._become(State.READY)
        self.model_loaded.emit(loaded)
        if self._rows:
            self._driver.stack.want(self._rows)

    @Slot(object)
    def _on_load_failed(self, problem: object) -> None:
        self._after_no_load()
        self.load_failed.emit(problem)

    @Slot()
    def _on_load_cancelled(self) -> None:
        self._after_no_load()
        self.load_cancelled.emit()

    def _after_no_load(self) -> None:
        # Refused before anything was done to it, the old model is still there.
        if self._driver.has_model:
            self._become(State.READY)
            return
        if self.loaded is not None:
            self.loaded = None
            self.model_unloaded.emit()
        self._become(State.EMPTY)

    @Slot(str, str)
    def _on_starter_ready(self, model: str, _: str) -> None:
        self.load(self._starter_plan or LoadPlan(name=Path(model).name, path=model))

    @Slot()
    def _on_unloaded(self) -> None:
        self.loaded = None
        self._become(State.EMPTY)
        self.model_unloaded.emit()

    @Slot(object)
    def _on_answer_ended(self, answer: Answer) -> None:
        self._after_answer()
        self.answer_ended.emit(self.recipes.record(answer))

    @Slot(object, object)
    def _on_answer_failed(self, problem: Problem, answer: Answer) -> None:
        self._after_answer()
        self.answer_failed.emit(problem, self.recipes.record(answer, problem.sentence))

    def _after_answer(self) -> None:
        self._patience.stop()
        if self.state is State.ANSWERING:
            self._become(State.READY)

    @Slot(object)
    def _on_lost(self, problem: object) -> None:
        self._become(State.LOST)
        self.engine_lost.emit(problem)

    @Slot()
    def _on_patience_ended(self) -> None:
        self._stuck = True
        words = self.tr("It has not stopped: the engine is still at the same token. Stop again to end the engine.")
        self.progressed.emit(words, None)

    @Slot()
    def _look_at_engine(self) -> None:
        self._driver.check_alive()
        client = self._driver.client
        pid = client.pid if client is not None else None
        # Here and not above: nobody needs it before the window shows.
        import psutil

        try:
            self.memory_measured.emit(psutil.Process(pid).memory_info().rss if pid else 0)
        except psutil.Error:
            self.memory_measured.emit(0)
