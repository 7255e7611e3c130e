"""Drives one engine: its QThread blocks on the engine's jobs, and signals tell the window what came of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QObject, Signal

from desktop.api import Chunk, GenerateRequest, Lora
from desktop.discovery.choice import Choice
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.engine.governor import Governor
from desktop.engine.jobs import EngineGone, Job, JobCancelled, JobFailed
from desktop.engine.messages import GenerateResult, LoaderRef
from desktop.library.automatic_template import choose_automatically
from desktop.library.home import Home
from desktop.library.textgen.prompting import all_templates
from desktop.prompting.lora_tags import lay_over

from .answering import Taken, dress_plan, request_for
from .asking import EngineAsking
from .fetching import fetch_starter
from .lane import Lane
from .message import read_message
from .opening import already_converted, fitting_choices, open_model
from .plans import Answer, Loaded, LoadPlan, PromptPlan, Side
from .problems import IN_WORDS, bug_from, problem_from
from .stack_keeper import StackKeeper, apply_rows
from .stack_tools import StackTools
from .streaming import PromptProgress, follow_answer
from .watched_files import WatchedFiles


class EngineDriver(QObject):
    """One engine and its lanes: one loads and answers, one changes the stack meanwhile, one ends what is stuck.

    The verbs return at once and may be called from the GUI thread; what they come to is told by the signals, which
    are emitted on the lanes.
    """

    #: What is being done, and the fraction of it that is done or None.
    progressed = Signal(str, object)
    #: A model is ready: Loaded.
    loaded = Signal(object)
    #: Loading failed: Problem.
    load_failed = Signal(object)
    #: Loading was cancelled.
    load_cancelled = Signal()
    #: The starter model lies in the library: its path and its adapter's.
    starter_ready = Signal(str, str)
    #: The model is gone and its memory is back.
    unloaded = Signal()
    #: The stack is what a StackReport says.
    stack_changed = Signal(object)
    #: A piece of an answer: 0 for the stack's or 1 for the base's, the text, the number of tokens.
    answer_grew = Signal(int, str, int)
    #: An answer ended, whole or stopped: Answer.
    answer_ended = Signal(object)
    #: An answer failed: Problem, and the Answer as far as it came.
    answer_failed = Signal(object, object)
    #: The engine process is gone: Problem.
    lost = Signal(object)
    #: How many tokens a text takes: the text's number as given, and the count.
    tokens_counted = Signal(int, int)
    #: The files of the loaded model have changed since it was loaded: a sentence.
    files_changed = Signal(str)

    def __init__(self, home: Home, loaders: Loaders, governor: Governor, parent: QObject | None = None) -> None:
        """Nothing is started but the threads."""
        super().__init__(parent)
        self._home = home
        self._loaders = loaders
        self._governor = governor
        self._main = Lane("engine", self)
        self._changes = Lane("stack", self)
        # Of its own: a change of the stack waits for an engine that is stuck, and would keep it from being ended.
        self._ending = Lane("ending", self)
        self.lanes = (self._main, self._changes, self._ending)
        self.stack = StackKeeper(self._changes, self.stack_changed.emit, self._on_gone)
        self._client: EngineClient | None = None
        self._loaded: Loaded | None = None
        self._job: Job[GenerateResult] | None = None
        self._stopped = threading.Event()
        self._watched = WatchedFiles()
        self.tools = StackTools(self._main, self.stack, self._with_model, self._on_gone, self._watched.changed, self)
        self.stack_changed.connect(self.tools.probe_soon)
        self.asking = EngineAsking(self._main, self._with_model, self._on_gone)
        self._sides: list[Side] = []
        """The answers to the present prompt as far as they came: the stack's, then the base's."""

    @property
    def client(self) -> EngineClient | None:
        """The engine, where there is one."""
        return self._client

    @property
    def has_model(self) -> bool:
        """Whether a model is loaded and its engine is not known to be gone."""
        return self._loaded is not None

    def warm(self, loader: str) -> None:
        """Start an idle engine of the loader of this name, if there is one, and import what loading will need."""
        self._main.submit(lambda: self._warm(loader))

    def load(self, plan: LoadPlan) -> None:
        """Load a model, in the place of the present one."""
        self._stopped.clear()
        self._main.submit(lambda: self._load(plan))

    def get_starter(self) -> None:
        """Fetch and convert the starter model and put its adapter beside it."""
        self._stopped.clear()
        self._main.submit(self._get_starter)

    def unload(self) -> None:
        """Give all memory back."""
        self._main.submit(self._unload)

    def answer(self, plan: PromptPlan) -> None:
        """Answer a prompt."""
        self._stopped.clear()
        self.stack.begin_answer()
        self._main.submit(lambda: self._answer(plan))

    def count_tokens(self, number: int, text: str) -> None:
        """Count the tokens of a text, when the engine is free."""
        self._main.submit(lambda: self._count(number, text))

    def stop_answer(self) -> None:
        """End the answer at its next token. Never waits."""
        self._stopped.set()
        if (job := self._job) is not None:
            job.cancel()

    def end_engine(self) -> None:
        """End the engine in the middle of whatever it is doing. Never waits."""
        self._stopped.set()
        if (client := self._client) is not None:
            self._ending.submit(client.kill)

    def check_alive(self) -> None:
        """Tell the loss of an idle engine, which nobody is waiting for."""
        if self._loaded is not None and self._client is not None and self._client.end_reason and self._job is None:
            self._on_gone(EngineGone(self._client.end_reason))

    def shut_down(self) -> None:
        """End the engine and the threads; waits for them."""
        self._stopped.set()
        self.stack.use(None)
        if (client := self._client) is not None:
            client.kill()
        for lane in self.lanes:
            lane.shut_down()

    def _warm(self, name: str) -> None:
        loader = next((ref for ref in self._loaders.refs if ref.name == name), None)
        if self._loaded is not None or loader is None:
            return
        try:
            self._engine_for(loader).warm().result()
        except (JobFailed, JobCancelled):
            pass  # warming only saves time; loading meets the same failure and tells it

    def _load(self, plan: LoadPlan) -> None:
        try:
            self.progressed.emit(self.tr("Asking the loaders about {name}").format(name=plan.name), None)
            plan = already_converted(plan, self._home)
            choices = fitting_choices(plan, self._loaders)
            self._drop_model()
            self._loaded = open_model(plan, choices, self._engine, self._home, self.progressed.emit)
        except JobCancelled:
            self.load_cancelled.emit()
        except IN_WORDS as error:
            if self._stopped.is_set():
                self.load_cancelled.emit()
            else:
                self.load_failed.emit(problem_from(error, can_retry=True))
        except Exception as error:  # a bug; without a word the window would wait for ever
            self.load_failed.emit(bug_from(error))
        else:
            self._watched.remember(self._loaded.info.path)
            with self.stack.held:
                # The adapters wait until the base's own logits are known.
                self.stack.use(self._client)
                self.loaded.emit(self._loaded)
                self.tools.take_base()

    def _get_starter(self) -> None:
        try:
            model, adapter = fetch_starter(self._home, self._loaders, self.progressed.emit, self._stopped)
        except JobCancelled:
            self.load_cancelled.emit()
        except IN_WORDS as error:
            self.load_failed.emit(problem_from(error, can_retry=True))
        except Exception as error:
            self.load_failed.emit(bug_from(error))
        else:
            self.starter_ready.emit(str(model), str(adapter))

    def _with_model(self) -> EngineClient | None:
        return self._client if self._loaded is not None else None

    def _engine(self, choice: Choice) -> EngineClient:
        return self._engine_for(choice.found.ref)

    def _engine_for(self, loader: LoaderRef) -> EngineClient:
        """A running engine without a model for this loader: the idle one, or a new one in its place."""
        client = self._client
        if client is not None and client.loader == loader and client.loaded is None and client.pid is not None:
            return client
        if client is not None:
            client.close()
        self._client = client = EngineClient(self._loaders.launch(loader), loader, self._home.logs, self._governor)
        client.start()
        if self._stopped.is_set():
            client.kill()
        return client

    def _drop_model(self) -> None:
        self.stack.use(None)
        if self._loaded is not None and self._client is not None:
            self._client.close()
        self._loaded = None

    def _unload(self) -> None:
        loader = self._loaded.loader if self._loaded else None
        self._drop_model()
        self.unloaded.emit()
        if loader is not None:
            self._warm(loader.name)

    def _count(self, number: int, text: str) -> None:
        client = self._client
        if self._loaded is None or client is None:
            return
        try:
            self.tokens_counted.emit(number, client.count_tokens(text).result())
        except (JobFailed, JobCancelled):
            pass  # the loader can't count, or the engine is gone, which `check_alive` tells

    def _answer(self, plan: PromptPlan) -> None:
        client, loaded = self._client, self._loaded
        self._sides = []
        if client is None or loaded is None:
            # The engine was lost meanwhile, and that has been told.
            self.stack.end_answer()
            empty = Side(finish_reason="cancelled")
            self.answer_ended.emit(Answer(plan=plan, model="", template=plan.template, with_stack=empty))
            return
        if words := self._watched.changed():
            self.files_changed.emit(words)
        answer = Answer(plan=plan, model=loaded.plan.name, template=plan.template, stack=self.stack.wanted)
        try:
            with self.stack.until_answered(client):
                message = read_message(plan.prompt, self.stack.wanted, self._home)
                own = all_templates(self._home)
                covered = lay_over(self.stack.wanted, message.brought)
                template = plan.template or self._fitting_template(loaded, covered)
                fitting = msgspec.structs.replace(plan, template=template or "")
                dressed, dropped = dress_plan(fitting, message.text, loaded.info, client, own)
                request = request_for(plan, dressed)
                seed = None if request.sampling.greedy else request.sampling.seed
                stack = self.stack.cover(client, message.brought)
                answer = msgspec.structs.replace(
                    answer, template=dressed.template, seed=seed, stack=stack, dropped=dropped
                )
                self._stream_both(client, request, compare=plan.compare)
        except EngineGone as gone:
            self.answer_failed.emit(problem_from(gone), self._so_far(answer))
            self._on_gone(gone)
        except IN_WORDS as error:
            self.answer_failed.emit(problem_from(error), self._so_far(answer))
        except JobCancelled:
            self.answer_ended.emit(self._so_far(answer))
        except Exception as error:
            self.answer_failed.emit(bug_from(error), self._so_far(answer))
        else:
            self.answer_ended.emit(self._so_far(answer))

    def _fitting_template(self, loaded: Loaded, rows: Sequence[Lora]) -> str:
        return choose_automatically(rows, loaded.info.path, loaded.info.has_template).name

    def _so_far(self, answer: Answer) -> Answer:
        sides = [*self._sides, None, None]
        return msgspec.structs.replace(answer, with_stack=sides[0] or Side(), base=sides[1])

    def _stream_both(self, client: EngineClient, request: GenerateRequest, *, compare: bool) -> None:
        self._stream(client, request, 0)
        if not compare or self._stopped.is_set():
            return
        # Switched off, not taken off: the base's answer is the same, and putting them back costs nothing.
        with self.stack.held:
            rows = client.stack
            client.set_stack([msgspec.structs.replace(row, enabled=False) for row in rows]).result()
            try:
                self._stream(client, request, 1)
            finally:
                if client.pid is not None:
                    apply_rows(client, rows)

    def _stream(self, client: EngineClient, request: GenerateRequest, column: int) -> None:
        taken = Taken(lambda: client.stack)
        reading = PromptProgress(self.progressed.emit)

        def show(piece: str, count: int) -> None:
            self.answer_grew.emit(column, piece, count)

        def take(chunk: Chunk) -> None:
            taken.take(chunk)
            reading.take(chunk)

        self._job = job = client.generate(request)
        if self._stopped.is_set():
            job.cancel()
        result = None
        try:
            follow_answer(job, show, take)
            result = job.result()
        except JobCancelled:
            pass  # stopped by the user; what came is kept
        finally:
            self._job = None
            self._sides.append(taken.side(result))

    def _on_gone(self, gone: EngineGone) -> None:
        self.stack.use(None)
        if self._loaded is not None:
            self._loaded = None
            self.lost.emit(problem_from(gone))
