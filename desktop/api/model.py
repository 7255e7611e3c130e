"""The one handle a loader returns for a loaded model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence

from .errors import Unsupported
from .generating import Chunk, GenerateRequest, Logits, LogitsRequest, Message, Reply
from .loading import ModelInfo, Progress
from .quantising import QuantizeReport, QuantizeRequest
from .stacking import ExportReport, ExportRequest, Mode, StackCheck
from .training import (
    EvaluateRequest,
    Evaluation,
    RowTokens,
    TrainCommand,
    TrainEvent,
    TrainingRow,
    TrainPlan,
    TrainReport,
    TrainRequest,
    TrainSettings,
)


class Model(ABC):
    """A loaded model. All methods are called on the engine's main thread, one at a time.

    Only `generate` must be written; what a loader leaves out raises `Unsupported`, and its capabilities say so.
    """

    info: ModelInfo = ModelInfo(path="")

    @abstractmethod
    def generate(self, request: GenerateRequest) -> Generator[Chunk, None, Reply | None]:
        """Answer a prompt. Each yield is progress and the point where the engine may cancel (`GeneratorExit`)."""

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt text the model's own chat template makes of a conversation, ready for its next answer."""
        raise Unsupported("This model has no chat template of its own. Choose a template by name instead.")

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` takes, special tokens not counted."""
        raise Unsupported("This loader can't count tokens.")

    def logits(self, request: LogitsRequest) -> Logits:
        """Logits of the last positions of a text, with the present stack."""
        raise Unsupported("This loader gives no logits.")

    def set_mode(self, mode: Mode) -> None:
        """Fold the stack into new weights, or compute exactly again: then the base's own weights are back, bit for bit.

        The mode stays when the stack changes. On LoaderError (no memory, a quantised base) nothing has changed.
        """
        if mode != "exact":
            raise Unsupported("This loader can't fold the stack into the weights.")

    def check_stack(self, prompt: str) -> StackCheck:
        """Compare what each module adds on a prompt with the formula in float64, from the adapters' files."""
        raise Unsupported("This loader can't check what the stack adds.")

    def export(self, request: ExportRequest, progress: Progress) -> ExportReport:
        """Write the present stack to disk. Each call of `progress` is the point where the engine may cancel it."""
        raise Unsupported("This loader can't write the stack to disk.")

    def quantize(self, request: QuantizeRequest, progress: Progress) -> QuantizeReport:
        """Write a GPTQ copy of the base. Each call of `progress` is the point where the engine may cancel it; the
        loaded model stays what it is."""
        raise Unsupported("This loader can't quantise a model.")

    def plan_training(self, request: TrainRequest) -> TrainPlan:
        """What a run would be: lengths, steps, memory. Needs the tokenizer and the configuration, not the weights."""
        raise Unsupported("This loader can't train.")

    def show_row(self, row: TrainingRow, settings: TrainSettings) -> tuple[RowTokens, ...]:
        """The tokens of a row as the training step sees them: one block, or several where raw text is cut."""
        raise Unsupported("This loader can't train.")

    def train(self, request: TrainRequest) -> Generator[TrainEvent, TrainCommand | None, TrainReport]:
        """Train a new adapter on top of the present stack. Each yield is progress, the point where the engine may
        cancel, and where a command can be sent in. On return the stack is what it was before."""
        raise Unsupported("This loader can't train.")

    def evaluate(self, request: EvaluateRequest) -> Generator[float, None, Evaluation]:
        """Loss of the model with its present stack. Each yield is the share done (0 to 1)."""
        raise Unsupported("This loader can't evaluate.")

    def close(self) -> None:  # noqa: B027 - most models have nothing to let go of
        """Let go of files and devices. The engine process ends right after it."""
