"""What can be set for the Transformers loader beyond what every loader has."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the Transformers loader."""

    attention: Annotated[
        Literal["auto", "sdpa", "eager", "flash_attention_2"],
        Meta(description="How attention is computed; auto takes the fastest that the model and the device have."),
    ] = "auto"
    quant_type: Annotated[
        Literal["nf4", "fp4"], Meta(description="The 4-bit type of bitsandbytes; nf4 is closer to the original.")
    ] = "nf4"
    double_quant: Annotated[
        bool, Meta(description="In 4 bits, quantise the scales as well: 0.4 bits less a weight, a little slower.")
    ] = False
