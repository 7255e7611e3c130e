"""What made an answer: the model, the stack, the template, the sampling and the machine. Data only."""

from __future__ import annotations

from typing import Any

import msgspec

from desktop.api import Message, Sampling
from desktop.api.loading import Bits, DType

FORMAT = 1
"""Number of the recipe's format; it grows when an old program could misread a new recipe."""


class RecipeBase(msgspec.Struct, frozen=True, kw_only=True):
    """The base model as it was loaded."""

    name: str
    """What the user called it."""
    path: str
    fingerprint: str
    """As `desktop.library.identity.fingerprint` makes it."""
    loader: str
    dtype: str
    """Arithmetic type, for example "bfloat16"."""
    bits: int
    device: str
    settings: dict[str, Any] = {}
    """The loader's own settings, where they were not left at their defaults."""


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """How the loader was asked to hold the model; what it made of that stands in `RecipeBase`."""

    dtype: DType = "auto"
    bits: Bits = 16
    device: str = "auto"


class RecipeAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the stack."""

    name: str
    content_hash: str
    """As `desktop.library.identity.content_hash` makes it: the adapter is found again by it, whatever its name."""
    weight: float = 1.0
    enabled: bool = True


class RecipeSegment(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an answer that one stack made, from an empty KV cache."""

    first_token: int
    """Number of the answer's tokens before it."""
    adapters: tuple[RecipeAdapter, ...] = ()


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where the answer was made. On another machine the same recipe may give other tokens."""

    platform: str = ""
    """As `platform.platform()` has it."""
    processor: str = ""
    device: str = ""
    """The accelerator's name, where one computed."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is needed to make the same answer again from the same prompt."""

    format: int = FORMAT
    base: RecipeBase
    holding: Holding = Holding()
    adapters: tuple[RecipeAdapter, ...] = ()
    """The stack, in its order."""
    template: str
    """Name of the template the prompt was dressed with."""
    sampling: Sampling = Sampling()
    seed: int | None = None
    """The seed that was used, also where none was asked for; None where nothing was drawn."""
    max_new_tokens: int = 512
    stop: tuple[str, ...] = ()
    mode: str = "exact"
    """How the stack was computed: "exact" is beside the base's weights, never merged into them."""
    segments: tuple[RecipeSegment, ...] = ()
    """The stacks by the tokens they made, where the stack changed while the answer ran; `adapters` is the first."""
    cached_prefix: int = 0
    """Tokens at the prompt's beginning that an earlier prompt and its answer had left in the KV cache."""
    versions: dict[str, str] = {}
    """By name: lora-deck, python and the libraries that did the arithmetic."""
    machine: Machine = Machine()

    def to_json(self) -> str:
        """The recipe as indented JSON, the same text for the same recipe."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2).decode()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, before a template dressed it."""

    prompt: str
    input: str = ""
    system: str = ""
    before: tuple[Message, ...] = ()
    """The messages of the conversation that were sent before the prompt."""
    start: str = ""
    """How the answer began, where that was given."""


class RecipeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe as it is kept and shared; that of a reply holds what was asked and the tokens that came of it."""

    recipe: Recipe
    asked: Asked | None = None
    tokens: tuple[int, ...] = ()
    """The reply's token ids; empty where the recipe is that of a stack alone."""
    text: str = ""
    places: tuple[str, ...] = ()
    """Where the adapters were, in the stack's order: looked at first, and believed where the content is the same."""
    finish_reason: str = ""
    """As `desktop.api.Reply` has it; "cancelled" where the reply was stopped."""

    def to_json(self) -> str:
        """As indented JSON, the same text for the same recipe."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2).decode()
