"""What can be set for the GPTQ-for-LLaMa loader beyond what every loader has."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the GPTQ-for-LLaMa loader."""

    wbits: Annotated[
        Literal[0, 2, 3, 4, 8],
        Meta(description="Bits of a weight; 0 takes them from the file. Another number than the file's is refused."),
    ] = 0
    groupsize: Annotated[
        int,
        Meta(description="Inputs that share a scale, -1 for all; 0 takes it from the file.", ge=-1, le=1_000_000),
    ] = 0
