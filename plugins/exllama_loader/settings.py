"""What can be set for the ExLlama loader beyond what every loader has."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the ExLlama loader."""

    engine: Annotated[
        Literal["auto", "exllama", "exllamav2"],
        Meta(description="Which of the two computes; auto takes ExLlamaV2 where it is installed, else ExLlama."),
    ] = "auto"
    context: Annotated[
        int,
        Meta(description="Tokens the KV cache has room for; 0 is what the model was made for, at most 8192.", ge=0),
    ] = 0
