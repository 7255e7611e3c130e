"""A prompt on its way into a model, and the answer on its way out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


_ADVANCED = {"x-advanced": True}
"""Marks a field that a form folds away at first."""


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How the next token is chosen from the logits. At its default a field does nothing, but temperature, top-p and
    top-k; they act in the order that `docs/sampling.md` gives."""

    greedy: Annotated[
        bool,
        Meta(description="Always take the likeliest token; penalties and bans still count, all else below is unused."),
    ] = False
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
    typical_p: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="Keep the tokens whose surprise is nearest to the average until they reach this probability; "
            "1 is off.",
            extra_json_schema=_ADVANCED,
        ),
    ] = 1.0
    presence_penalty: Annotated[
        float,
        Meta(
            ge=-2,
            le=2,
            description="Taken once from the logit of every token the answer holds already; below 0 favours them, "
            "0 is off.",
            extra_json_schema=_ADVANCED,
        ),
    ] = 0.0
    frequency_penalty: Annotated[
        float,
        Meta(
            ge=-2,
            le=2,
            description="Taken from a token's logit as often as the answer holds it; below 0 favours it, 0 is off.",
            extra_json_schema=_ADVANCED,
        ),
    ] = 0.0
    no_repeat_ngram: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="No run of this many tokens comes twice, those of the prompt included; 0 is off.",
            extra_json_schema=_ADVANCED,
        ),
    ] = 0
    dry_multiplier: Annotated[
        float,
        Meta(
            ge=0,
            le=10,
            description="DRY: how strongly a token is held back that would continue a repetition; 0.8 is usual, 0 is "
            "off.",
            extra_json_schema=_ADVANCED,
        ),
    ] = 0.0
    dry_base: Annotated[
        float,
        Meta(
            ge=1,
            le=4,
            description="DRY: how fast that grows with each token the repetition is longer.",
            extra_json_schema=_ADVANCED,
        ),
    ] = 1.75
    dry_allowed_length: Annotated[
        int,
        Meta(
            ge=1,
            le=50,
            description="DRY: repetitions shorter than this many tokens are free.",
            extra_json_schema=_ADVANCED,
        ),
    ] = 2
    dry_sequence_breakers: Annotated[
        tuple[str, ...],
        Meta(
            description="DRY: no repetition is counted across a token that holds one of these texts.",
            extra_json_schema=_ADVANCED,
        ),
    ] = ("\n", ":", '"', "*")
    xtc_probability: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="XTC: how often the likeliest tokens are left out, for less worn words; 0 is off.",
            extra_json_schema=_ADVANCED,
        ),
    ] = 0.0
    xtc_threshold: Annotated[
        float,
        Meta(
            ge=0,
            le=0.5,
            description="XTC: tokens at least this probable are left out, all but the least likely of them.",
            extra_json_schema=_ADVANCED,
        ),
    ] = 0.1
    banned_tokens: Annotated[
        tuple[str, ...],
        Meta(
            description="Texts that never come, as the tokenizer writes them; id:42 stands for the token of that "
            "number.",
            extra_json_schema=_ADVANCED,
        ),
    ] = ()


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
    reuse_cache: bool = True
    """Whether what the loader still holds of an earlier sequence may be used. In 16 bits that may round otherwise."""


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
    """A piece of the answer: whole characters (perhaps none yet) and the tokens that were drawn for it; or, without
    tokens, how far a long prompt has been read."""

    text: str = ""
    tokens: tuple[int, ...] = ()
    logprobs: tuple[StepLogprobs, ...] = ()
    prompt_done: int = 0
    """Tokens of the prompt that were read."""
    prompt_tokens: int = 0
    """Tokens of the prompt, while it is being read; 0 in a piece of the answer."""
    cached_tokens: int = 0
    """In the first piece: tokens at the prompt's beginning that an earlier sequence had left in the cache."""


FinishReason = Literal["stop", "length", "context", "cancelled"]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What `Model.generate` returns when the answer has ended."""

    finish_reason: FinishReason = "stop"
    """"stop": end token or stop text; "length": max_new_tokens reached; "context": the model's context is full."""
    prompt_tokens: int = 0
    seed: int | None = None
    """The seed that was used, where the answer was sampled."""
    cache_bytes: int = 0
    """Bytes of the KV cache that is kept for the next prompt."""


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
