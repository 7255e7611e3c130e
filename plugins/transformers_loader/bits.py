"""8 and 4 bits through bitsandbytes.

On CPUs with AVX512-BF16 the 4-bit weights are repacked in the first pass, after which no gradient flows through them.
An engine only infers, so that fast path stays armed here; a process that trains must disarm it right after loading.
"""

from __future__ import annotations

import logging
import warnings
from importlib.util import find_spec
from typing import Any

from desktop.api import LoaderError
from loader_kit.devices import Place

from .settings import Settings


def quantisation(bits: int, settings: Settings, place: Place) -> Any:
    """The BitsAndBytesConfig for 8 or 4 bits. Raises LoaderError where bitsandbytes can't be had."""
    if find_spec("bitsandbytes") is None:
        raise LoaderError(
            f"Loading in {bits} bits needs the package bitsandbytes, which is not installed here. Install it with "
            "`pip install bitsandbytes`, or load the model in 16 bits."
        )
    if place.device.type == "mps":
        raise LoaderError("bitsandbytes has no 8 and 4 bits for Apple GPUs. Load the model in 16 bits or with --cpu.")
    from transformers import BitsAndBytesConfig

    _quieten()
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=settings.quant_type,
        bnb_4bit_use_double_quant=settings.double_quant,
        bnb_4bit_compute_dtype=place.dtype,
    )


def _quieten() -> None:
    """int8 warns of its casts at every product: 210 lines a token."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"bitsandbytes(\..*)?")
