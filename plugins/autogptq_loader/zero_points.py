"""Whether a checkpoint's zero points mean the same to every program that reads the first GPTQ format."""

from __future__ import annotations

import torch
from safetensors import SafetensorError, safe_open

from loader_kit.gptq_checkpoint import GptqCheckpoint
from loader_kit.gptq_unpacking import BITS, ZeroConvention, unpack_zeros

CONVENTIONS: tuple[ZeroConvention, ...] = ("plus_one_masked", "plus_one", "plus_one_carried")
"""Those of the programs that wrote the first format."""


def mean_the_same(found: GptqCheckpoint) -> bool:
    """Whether AutoGPTQ, GPTQ-for-LLaMa and GPTQModel read all its zero points alike.

    In 2, 4 and 8 bits they do where none is stored as the largest integer. Reads the zero points alone; False where
    they can't be read, too.
    """
    if found.mixed or found.bits not in BITS or not found.safetensors:
        return False
    bits = int(found.bits)
    try:
        for file in found.files:
            with safe_open(file, "pt") as tensors:
                names = [name for name in tensors.keys() if name.endswith(".qzeros")]  # noqa: SIM118 - no dictionary
                if not all(_read_alike(tensors.get_tensor(name), bits) for name in names):
                    return False
    except (SafetensorError, OSError):
        return False
    return True


def _read_alike(words: torch.Tensor, bits: int) -> bool:
    first, *others = (unpack_zeros(words, bits, convention) for convention in CONVENTIONS)
    return all(torch.equal(first, other) for other in others)
