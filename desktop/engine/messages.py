"""What the shell and an engine process say to each other. Both sides decode by these types and nothing else."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from desktop.api import (
    Chunk,
    EvaluateRequest,
    ExportRequest,
    GenerateRequest,
    LoadRequest,
    LogitsRequest,
    Lora,
    Message,
    Mode,
    QuantizeRequest,
    TrainingRow,
    TrainRequest,
    TrainSettings,
)
from desktop.api.generating import FinishReason

PROTOCOL = 1
"""Raised whenever a message changes its meaning; both sides must agree."""


class LoaderRef(msgspec.Struct, frozen=True):
    """A loader plugin by its entry point."""

    name: str
    value: str
    """"package.module" or "package.module:attribute", as entry points have it."""
    distribution: str = ""
    version: str = ""


class Ask(msgspec.Struct, frozen=True, tag_field="ask", kw_only=True):
    """Something the engine is to do; `job` names it in every answer."""

    job: int


class Describe(Ask, frozen=True, tag="describe"):
    """Load an entry point and call its `describe`. Answer: LoaderInfo."""

    loader: LoaderRef


class Probe(Ask, frozen=True, tag="probe"):
    """Call one loader's `probe`. Answer: Verdict."""

    loader: LoaderRef
    path: str


class Warm(Ask, frozen=True, tag="warm"):
    """Load an entry point and import what it names in `LoaderInfo.warm`. Answer: nothing."""

    loader: LoaderRef


class Load(Ask, frozen=True, tag="load"):
    """Load a model with one loader. Answer: ModelInfo, or None for "not mine"."""

    loader: LoaderRef
    request: LoadRequest


class SetStack(Ask, frozen=True, tag="set_stack"):
    """Make these rows the whole stack, all or nothing. Answer: a receipt a row."""

    loras: tuple[Lora, ...]


class ApplyLora(Ask, frozen=True, tag="apply_lora"):
    """Attach or reweight one adapter. Answer: its receipt."""

    lora: Lora


class RemoveLora(Ask, frozen=True, tag="remove_lora"):
    """Detach one adapter. Answer: nothing."""

    id: str


class Generate(Ask, frozen=True, tag="generate"):
    """Answer a prompt; `Piece` after `Piece` comes back. Answer: GenerateResult."""

    request: GenerateRequest


class Render(Ask, frozen=True, tag="render"):
    """Answer: the prompt text of the model's own chat template."""

    messages: tuple[Message, ...]


class CountTokens(Ask, frozen=True, tag="count_tokens"):
    """Answer: an int."""

    text: str


class ComputeLogits(Ask, frozen=True, tag="logits"):
    """Answer: Logits."""

    request: LogitsRequest


class SetMode(Ask, frozen=True, tag="set_mode"):
    """Fold the stack or unfold it. Answer: nothing."""

    mode: Mode


class CheckStack(Ask, frozen=True, tag="check_stack"):
    """Answer: StackCheck."""

    prompt: str


class Export(Ask, frozen=True, tag="export"):
    """Write the stack to disk; steps come back. Answer: ExportReport."""

    request: ExportRequest


class PlanTraining(Ask, frozen=True, tag="plan_training"):
    """Answer: TrainPlan."""

    request: TrainRequest


class ShowRow(Ask, frozen=True, tag="show_row"):
    """Answer: tuple[RowTokens, ...]."""

    row: TrainingRow
    settings: TrainSettings


class Evaluate(Ask, frozen=True, tag="evaluate"):
    """Measure the model with its present stack on rows; steps come back. Answer: Evaluation."""

    request: EvaluateRequest


class Quantize(Ask, frozen=True, tag="quantize"):
    """Write a GPTQ copy of the base; steps come back. Answer: QuantizeReport."""

    request: QuantizeRequest


class Cancel(msgspec.Struct, frozen=True, tag_field="ask", tag="cancel"):
    """End a job at its next cancel point."""

    job: int


class Share(msgspec.Struct, frozen=True, tag_field="ask", tag="share"):
    """Use one part in `parts` of the cores."""

    parts: int
    rest: float = 0.0
    """Seconds to rest for each second of a job, between two of its yields."""


Request = (
    Describe
    | Probe
    | Warm
    | Load
    | SetStack
    | ApplyLora
    | RemoveLora
    | Generate
    | Render
    | CountTokens
    | ComputeLogits
    | SetMode
    | CheckStack
    | Export
    | PlanTraining
    | ShowRow
    | Evaluate
    | Quantize
    | Cancel
    | Share
)


class Hello(msgspec.Struct, frozen=True, tag_field="say", tag="hello"):
    """The first thing an engine says."""

    protocol: int
    pid: int
    python: str


class Step(msgspec.Struct, frozen=True, tag_field="say", tag="step"):
    """Progress of a job."""

    job: int
    step: str
    fraction: float | None = None


class Piece(msgspec.Struct, frozen=True, tag_field="say", tag="piece"):
    """A piece of an answer."""

    job: int
    chunk: Chunk


class Finished(msgspec.Struct, frozen=True, tag_field="say", tag="finished"):
    """The job is done; `result` is typed by what was asked."""

    job: int
    result: msgspec.Raw


FailureKind = Literal["user", "unsupported", "bug", "broken"]
"""\"user": said in words by the loader; "bug": an unexpected exception; "broken": the engine must be restarted."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed."""

    kind: FailureKind
    message: str
    detail: str = ""
    """The traceback, to be shown folded."""


class Failed(msgspec.Struct, frozen=True, tag_field="say", tag="failed"):
    """The job failed and changed nothing."""

    job: int
    failure: Failure


class Cancelled(msgspec.Struct, frozen=True, tag_field="say", tag="cancelled"):
    """The job was cancelled."""

    job: int


class Rest(msgspec.Struct, frozen=True, tag_field="say", tag="rest"):
    """The engine leaves its cores to others for a while, as it was told to, or has gone on."""

    resting: bool


Event = Hello | Step | Piece | Finished | Failed | Cancelled | Rest


class Segment(msgspec.Struct, frozen=True):
    """The part of an answer that one stack made."""

    first_token: int
    """Number of the answer's tokens before it."""
    stack: tuple[Lora, ...]


class GenerateResult(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer went, measured in the engine."""

    finish_reason: FinishReason
    prompt_tokens: int
    generated_tokens: int
    prompt_seconds: float
    """From the request to the first token."""
    decode_seconds: float
    """From the first token to the last."""
    seed: int | None = None
    stack: tuple[Lora, ...] = ()
    """The stack that made the answer, or its beginning."""
    mode: Mode = "exact"
    """How the stack was computed."""
    cached_tokens: int = 0
    """Tokens at the prompt's beginning that were in the cache already."""
    cache_bytes: int = 0
    """Bytes of the KV cache that is kept for the next prompt."""
    segments: tuple[Segment, ...] = ()
    """The answer by the stacks that made it, where the stack changed while it ran; each from an empty KV cache."""

    @property
    def tokens_per_second(self) -> float | None:
        """Speed of decoding, the first token not counted; None below two tokens."""
        if self.generated_tokens < 2 or self.decode_seconds <= 0:
            return None
        return (self.generated_tokens - 1) / self.decode_seconds


def _exactly(value: object) -> object:
    """A str, int or float for a subclass of it; plugins hand out `torch.__version__`, which is a subclass of str."""
    for plain in (str, int, float):
        if isinstance(value, plain):
            return plain(value)
    raise TypeError(f"{type(value).__name__} can't be sent; messages hold plain values")


encoder = msgspec.msgpack.Encoder(enc_hook=_exactly)


@cache
def request_decoder() -> msgspec.msgpack.Decoder[Request]:
    """Made when it is first needed, since that takes milliseconds which the window's start has not."""
    return msgspec.msgpack.Decoder(Request)


@cache
def event_decoder() -> msgspec.msgpack.Decoder[Event]:
    """Made when it is first needed, as the other is."""
    return msgspec.msgpack.Decoder(Event)
