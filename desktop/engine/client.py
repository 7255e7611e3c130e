"""The shell's handle on one engine: warm, load, change the stack, answer, start again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from desktop.api import (
    AttachReceipt,
    EvaluateRequest,
    Evaluation,
    ExportReport,
    ExportRequest,
    GenerateRequest,
    LoadRequest,
    Logits,
    LogitsRequest,
    Lora,
    Message,
    Mode,
    ModelInfo,
    QuantizeReport,
    QuantizeRequest,
    RowTokens,
    StackCheck,
    TrainingRow,
    TrainPlan,
    TrainRequest,
    TrainSettings,
)

from .connection import Connection, new_number
from .governor import Governor
from .jobs import Job
from .messages import (
    ApplyLora,
    Ask,
    CheckStack,
    ComputeLogits,
    CountTokens,
    Evaluate,
    Export,
    Finished,
    Generate,
    GenerateResult,
    Load,
    LoaderRef,
    PlanTraining,
    Quantize,
    RemoveLora,
    Render,
    SetMode,
    SetStack,
    ShowRow,
    Step,
    Warm,
    encoder,
)
from .process import Launch

Rows = tuple[Lora, ...]

NOTHING = encoder.encode(None)
"""The result of a load that said "not mine"."""


class EngineClient(Connection):
    """Drives one engine process. The verbs return jobs at once; `restart` waits."""

    def __init__(
        self,
        launch: Launch,
        loader: LoaderRef,
        logs: Path,
        governor: Governor | None = None,
        background: bool = False,
    ) -> None:
        """Nothing is started yet. The engine's own output goes to a file in the folder `logs`.

        One in the background gives way to the others: the governor lets it rest while one of them is busy.
        """
        super().__init__(launch, logs, governor, background)
        self.loader = loader
        self.loaded: LoadRequest | None = None
        """What is loaded, or was to be loaded last; a restart loads it again."""
        self.stack: Rows = ()
        """The stack as last granted by the engine; a restart puts it back."""
        self.mode: Mode = "exact"
        """How the stack is computed, as last granted; a restart sets it again."""
        self._holds_model = False

    def start(self) -> None:
        """Start the process and wait until it says hello. Raises EngineGone with the reason if it doesn't."""
        self._holds_model = False
        super().start()

    def warm(self) -> Job[None]:
        """Import ahead of time what loading will need."""
        message = Warm(job=new_number(), loader=self.loader)
        return self._ask(message, Job(message.job, None, self.cancel))

    def load(self, request: LoadRequest) -> Job[ModelInfo | None]:
        """Load a model; the result None means that the loader says it is not its own. `kill` cancels it."""
        if not self._holds_model:
            # An engine that holds a model refuses a second one, and then the record of the first still counts.
            self.loaded, self.stack, self.mode = request, (), "exact"
        message = Load(job=new_number(), loader=self.loader, request=request)

        def granted(ending: Finished) -> None:
            if bytes(ending.result) != NOTHING:
                self.loaded, self._holds_model = request, True

        return self._ask(message, _Granted(granted, message.job, ModelInfo | None, self.cancel))

    def set_stack(self, loras: Sequence[Lora]) -> Job[list[AttachReceipt]]:
        """Make these rows the whole stack, all or nothing."""
        wanted = tuple(loras)
        message = SetStack(job=new_number(), loras=wanted)
        return self._ask_change(message, lambda _: wanted, list[AttachReceipt])

    def apply_lora(self, lora: Lora) -> Job[AttachReceipt]:
        """Attach one adapter at the end of the stack, or change the row that has its id."""

        def changed(rows: Rows) -> Rows:
            if any(row.id == lora.id for row in rows):
                return tuple(lora if row.id == lora.id else row for row in rows)
            return (*rows, lora)

        message = ApplyLora(job=new_number(), lora=lora)
        return self._ask_change(message, changed, AttachReceipt)

    def remove_lora(self, lora_id: str) -> Job[None]:
        """Detach one adapter."""

        def changed(rows: Rows) -> Rows:
            return tuple(row for row in rows if row.id != lora_id)

        message = RemoveLora(job=new_number(), id=lora_id)
        return self._ask_change(message, changed, None)

    def generate(self, request: GenerateRequest) -> Job[GenerateResult]:
        """Answer a prompt; the job's events are the pieces of the answer."""
        message = Generate(job=new_number(), request=request)
        return self._ask(message, Job(message.job, GenerateResult, self.cancel))

    def render(self, messages: Sequence[Message]) -> Job[str]:
        """The prompt text of the model's own chat template."""
        message = Render(job=new_number(), messages=tuple(messages))
        return self._ask(message, Job(message.job, str, self.cancel))

    def count_tokens(self, text: str) -> Job[int]:
        """How many tokens a text takes."""
        message = CountTokens(job=new_number(), text=text)
        return self._ask(message, Job(message.job, int, self.cancel))

    def logits(self, request: LogitsRequest) -> Job[Logits]:
        """Logits of the last positions of a text."""
        message = ComputeLogits(job=new_number(), request=request)
        return self._ask(message, Job(message.job, Logits, self.cancel))

    def set_mode(self, mode: Mode) -> Job[None]:
        """Fold the stack into the weights, or compute it exactly again."""
        message = SetMode(job=new_number(), mode=mode)

        def granted(_: Finished) -> None:
            self.mode = mode

        return self._ask(message, _Granted(granted, message.job, None, self.cancel))

    def check_stack(self, prompt: str) -> Job[StackCheck]:
        """Compare what the stack adds on a prompt with the formula in float64."""
        message = CheckStack(job=new_number(), prompt=prompt)
        return self._ask(message, Job(message.job, StackCheck, self.cancel))

    def export(self, request: ExportRequest) -> Job[ExportReport]:
        """Write the stack to disk; the job's events are steps."""
        message = Export(job=new_number(), request=request)
        return self._ask(message, Job(message.job, ExportReport, self.cancel))

    def plan_training(self, request: TrainRequest) -> Job[TrainPlan]:
        """What a run on the loaded model would be."""
        message = PlanTraining(job=new_number(), request=request)
        return self._ask(message, Job(message.job, TrainPlan, self.cancel))

    def show_row(self, row: TrainingRow, settings: TrainSettings) -> Job[tuple[RowTokens, ...]]:
        """The tokens of a row as the training step sees them."""
        message = ShowRow(job=new_number(), row=row, settings=settings)
        return self._ask(message, Job(message.job, tuple[RowTokens, ...], self.cancel))

    def evaluate(self, request: EvaluateRequest) -> Job[Evaluation]:
        """Measure the model with its present stack; the job's events are steps."""
        message = Evaluate(job=new_number(), request=request)
        return self._ask(message, Job(message.job, Evaluation, self.cancel))

    def quantize(self, request: QuantizeRequest) -> Job[QuantizeReport]:
        """Write a GPTQ copy of the base; the job's events are steps."""
        message = Quantize(job=new_number(), request=request)
        return self._ask(message, Job(message.job, QuantizeReport, self.cancel))

    def restart(self, on_step: Callable[[Step], None] | None = None) -> None:
        """Start again after a crash, with the same model and the same stack. Raises what loading raises."""
        loaded, stack, mode = self.loaded, self.stack, self.mode
        self.close()
        self.start()
        if loaded is None:
            return
        job = self.load(loaded)
        # Kept even if loading or attaching fails now: what the user had must not be forgotten.
        self.stack, self.mode = stack, mode
        for event in job.events():
            if on_step is not None and isinstance(event, Step):
                on_step(event)
        job.result()
        if stack:
            self.set_stack(stack).result()
        if mode != "exact":
            self.set_mode(mode).result()

    def _ask_change(self, message: Ask, change: Callable[[Rows], Rows], answer: object) -> Job[Any]:
        def granted(_: Finished) -> None:
            self.stack = change(self.stack)

        return self._ask(message, _Granted(granted, message.job, answer, self.cancel))

    def _ask(self, message: Ask, job: Job[Any]) -> Job[Any]:
        self.ask(message, job)
        return job


class _Granted(Job[Any]):
    """A job with a note taken of it when the engine has done it, before anybody hears of its end."""

    def __init__(
        self, granted: Callable[[Finished], None], number: int, result_type: Any, cancel: Callable[[int], None]
    ) -> None:
        super().__init__(number, result_type, cancel)
        self._granted = granted

    def put(self, event: Any) -> None:
        """Deliver an event; called by the client's reader thread."""
        if isinstance(event, Finished):
            self._granted(event)
        super().put(event)
