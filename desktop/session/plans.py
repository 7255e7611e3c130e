"""What the window asks for and what it gets back: frozen values that may cross threads."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from desktop.api import AttachReceipt, Capabilities, LoadRequest, Lora, Message, ModelInfo, Sampling
from desktop.api.generating import FinishReason
from desktop.api.loading import Bits, DType
from desktop.engine.messages import LoaderRef, Segment
from desktop.engine.proof import Proof


class State(Enum):
    """What the session is doing; the window shows the controls by it."""

    EMPTY = "empty"
    """No model is loaded."""
    LOADING = "loading"
    """A model is being fetched, converted or loaded."""
    READY = "ready"
    """A model is loaded and idle."""
    ANSWERING = "answering"
    WORKING = "working"
    """The stack is being folded, proved or written to disk."""
    LOST = "lost"
    """The engine is gone; the model and the stack can be put back by a restart."""


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Which model is to be loaded, and how."""

    name: str
    """What the user calls it."""
    path: str
    """Absolute path."""
    loader: str = ""
    """The loader the user chose; empty lets the verdicts choose."""
    dtype: DType = "auto"
    bits: Bits = 16
    device: str = "auto"
    memory_limits: dict[str, int] = {}
    settings: dict[str, Any] = {}
    trust_remote_code: bool = False

    def request(self, convert_to: str | None) -> LoadRequest:
        """What is asked of the loader."""
        return LoadRequest(
            path=self.path,
            dtype=self.dtype,
            bits=self.bits,
            device=self.device,
            memory_limits=self.memory_limits,
            trust_remote_code=self.trust_remote_code,
            convert_to=convert_to,
            settings=self.settings,
        )


class Loaded(msgspec.Struct, frozen=True):
    """A model in an engine."""

    plan: LoadPlan
    info: ModelInfo
    loader: LoaderRef
    loader_title: str
    bits: tuple[int, ...] = ()
    sampling: tuple[str, ...] = ()
    """Fields of `Sampling` the loader honours."""
    capabilities: Capabilities = Capabilities()


class PromptPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt and how it is to be answered."""

    prompt: str
    template: str = ""
    """Name of the template; empty takes the model's own if it has one, else the plain one."""
    input: str = ""
    system: str = ""
    sampling: Sampling = Sampling()
    max_new_tokens: int = 512
    stop: tuple[str, ...] = ()
    before: tuple[Message, ...] = ()
    """The messages of the conversation that stand before the prompt, without tags."""
    start: str = ""
    """How the answer begins, given by the user or by an answer that is to go on."""
    compare: bool = False
    """Whether the base without adapters answers as well, from the same seed."""
    fresh: bool = False
    """Whether the whole prompt is computed anew, without what the loader still holds of an earlier one."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to a prompt."""

    text: str = ""
    tokens: int = 0
    prompt_tokens: int = 0
    tokens_per_second: float | None = None
    prompt_seconds: float = 0.0
    finish_reason: FinishReason = "stop"
    segments: tuple[Segment, ...] = ()
    """The answer by the stacks that made it, where the stack changed while it ran."""
    token_ids: tuple[int, ...] = ()
    stack: tuple[Lora, ...] = ()
    """The stack that made it, or its beginning, as the engine had it."""
    mode: str = "exact"
    """How the stack was computed."""
    cached_tokens: int = 0
    """Tokens at the prompt's beginning that an earlier sequence had left in the cache."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a prompt: kept in the window's history."""

    plan: PromptPlan
    model: str
    template: str
    """The template that was used."""
    seed: int | None = None
    stack: tuple[Lora, ...] = ()
    with_stack: Side = Side()
    base: Side | None = None
    """The base's own answer, where it was asked for."""
    problem: str = ""
    """Why the answer ended early, in words; empty where it did not."""
    dropped: int = 0
    """How many of the plan's oldest messages were not sent because the context was full."""
    id: str = ""
    """Names it in the log of replies, where its recipe is; empty where it is not logged."""
    note: str = ""
    """What the program has to say of it: whether a reply was reproduced."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A failure as the window shows it."""

    sentence: str
    """What happened, what was kept, what to do."""
    detail: str = ""
    """The traceback or the list of reasons, shown folded."""
    can_retry: bool = False
    """Whether trying the same again makes sense."""


class StackReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the stack is now, after a change was tried."""

    rows: tuple[Lora, ...]
    """What is attached."""
    receipts: tuple[AttachReceipt, ...] = ()
    problems: dict[str, Problem] = {}
    """Rows that could not be attached, by id, with the reason."""


class Proved(msgspec.Struct, frozen=True):
    """What proving the stack came to."""

    proofs: tuple[Proof, ...]
    files: str
    """Why the base's files are no longer those that were loaded; empty where they are."""

    @property
    def holds(self) -> bool:
        """Whether all of it holds."""
        return bool(self.proofs) and not self.files and all(proof.holds for proof in self.proofs)
