"""The starter model in 4 bits as GPTQ packs them, made once and kept; only rounded: nothing but speed is asked."""

from __future__ import annotations

import os
from pathlib import Path

from tests.plugins.gptq_writer import write_checkpoint

from .starter import cache_home, starter_model

NAME = "starter-gptq-4bit"


def quantised_starter() -> Path:
    """Its folder: groups of 32 inputs, as GPTQModel writes them."""
    folder = cache_home() / "models" / NAME
    if not folder.exists():
        part = folder.with_name(f".{NAME}.{os.getpid()}")
        write_checkpoint(part, starter_model(), group_size=32, writer="gptqmodel")
        part.rename(folder)
    return folder
