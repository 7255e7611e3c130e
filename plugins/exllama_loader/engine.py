"""What this loader asks of ExLlama, whichever of the two it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import torch

EngineName = Literal["exllama", "exllamav2"]

TITLES: dict[EngineName, str] = {"exllama": "ExLlama", "exllamav2": "ExLlamaV2"}

PROJECTIONS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
               "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")  # fmt: skip
"""The linears of a layer that both compute with factors added to them."""

Joined = Mapping[str, tuple[torch.Tensor, torch.Tensor]]
"""By module: A of shape (in, ranks) and B of shape (ranks, out), float16, contiguous, on the module's device. The
module adds x A B to its own output."""


class Linear:
    """One linear of a loaded model, as the matching of adapters wants to see it."""

    def __init__(self, in_features: int, out_features: int, device: str) -> None:
        """`device` is where its factors must lie."""
        self.in_features = in_features
        self.out_features = out_features
        self.device = device


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be opened, and where it goes."""

    files: tuple[Path, ...]
    """The weights, .safetensors."""
    config: dict[str, Any]
    """The model's configuration as both engines read it."""
    context: int
    """Tokens the KV cache has room for."""
    device: str
    """Such as "cuda:0"."""
    gigabytes: Sequence[float] = ()
    """Most to use on each card, from the first on; empty puts everything on `device`."""


class Engine(Protocol):
    """A model in ExLlama's or ExLlamaV2's hands, with one KV cache and at most one joined adapter."""

    linears: dict[str, Linear]

    def restart(self) -> None:
        """Forget the tokens in the KV cache."""

    def forward(self, ids: torch.Tensor, *, last_only: bool) -> torch.Tensor:
        """Read `ids`, int64 of shape (1, n), after those in the cache; logits of shape (1, 1 or n, vocabulary)."""

    def use(self, joined: Joined) -> None:
        """Compute with these factors from now on and with no others; empty: the base alone. All or nothing."""

    def close(self) -> None:
        """Give back what lies outside torch's reach."""
