"""What can be set for the AutoGPTQ loader beyond what every loader has."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the AutoGPTQ loader."""

    engine: Annotated[
        Literal["auto", "ours", "gptqmodel", "auto_gptq"],
        Meta(
            description="Whose kernels compute: GPTQModel's, AutoGPTQ's, or our own linear; auto takes the first of "
            "them that is installed where the loader runs."
        ),
    ] = "auto"
