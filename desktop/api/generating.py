"""A prompt on its way into a model, and the answer on its way out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How the next token is chosen from the logits."""

    greedy: Annotated[bool, Meta(description="Always take the likeliest token; the rest below is then unused.")] = False
    temperature: Annotated[
        float, Meta(gt=0, le=10, description="Divides the logits: lower is more predictable, higher more varied.")
    ] = 0.7
    top_p: Annotated[
        float, Meta(gt=0, le=1, description="Keep the likeliest tokens that together reach this probability; 1 is off.")
    ] = 0.9
    top_k: Annotated[int, Meta(ge=0, description="Keep this many of the likeliest tokens; 0 is off.")] = 40
    min_p: Annotated[
        float,
        Meta(ge=0, le=1, description="Drop tokens less likely than this share of the likeliest one; 0 is off."),
    ] = 0.0
    repetition_penalty: Annotated[
        float,
        Meta(gt=0, le=10, description="Above 1 makes tokens that stand in the text already less likely; 1 is off."),
    ] = 1.0
    seed: Annotated[
        int | None,
        Meta(description="The same seed gives the same answer on the same machine; unset means a new one."),
    ] = None


class GenerateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt, ready for the tokenizer."""

    prompt: str
    add_special_tokens: bool = True
    """Whether the tokenizer adds its own (such as BOS); off for text a chat template has rendered."""
    sampling: Sampling = Sampling()
    max_new_tokens: Annotated[int, Meta(ge=0)] = 512
    stop: tuple[str, ...] = ()
    """Texts at which the answer ends; they are not part of it."""
    logprobs: Annotated[int, Meta(ge=0, le=1000)] = 0
    """How many of the likeliest tokens to report at each step."""


class TokenLogprob(msgspec.Struct, frozen=True):
    """One candidate at one step: natural logarithm of its probability before temperature and filters."""

    token: int
    text: str
    logprob: float


class StepLogprobs(msgspec.Struct, frozen=True):
    """The chosen token of one step and the likeliest ones, best first."""

    chosen: TokenLogprob
    top: tuple[TokenLogprob, ...]


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the answer: whole characters (perhaps none yet) and the tokens that were drawn for it."""

    text: str = ""
    tokens: tuple[int, ...] = ()
    logprobs: tuple[StepLogprobs, ...] = ()


FinishReason = Literal["stop", "length", "context", "cancelled"]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What `Model.generate` returns when the answer has ended."""

    finish_reason: FinishReason = "stop"
    """"stop": end token or stop text; "length": max_new_tokens reached; "context": the model's context is full."""
    prompt_tokens: int = 0
    seed: int | None = None
    """The seed that was used, where the answer was sampled."""


class LogitsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A text whose logits are wanted."""

    prompt: str
    add_special_tokens: bool = True
    last: Annotated[int, Meta(ge=1)] = 1
    """How many positions from the end; more than there are means all of them."""


class Logits(msgspec.Struct, frozen=True, kw_only=True):
    """Logits of shape (positions, vocabulary), float32, C order, little-endian; the last row is the next token's."""

    positions: int
    vocabulary: int
    data: bytes
    """positions * vocabulary * 4 bytes."""
