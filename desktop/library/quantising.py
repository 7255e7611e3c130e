"""What a GPTQ copy of a model would take, from its headers alone: whether it can be made, its size, and the time."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import LoaderError, QuantizeRequest
from desktop.api.checkpoints import TensorHeader, read_json, read_safetensors_header

from .formats import files_of, judge
from .pickled_shapes import read_pickled_header

PACK = 32
"""The format packs so many weights together; a linear's sizes must be multiples of it."""
BLOCK = 512
"""Tokens in a block of calibration text."""
OWN_TOKENS = 12_000
"""About so many tokens has the calibration text that comes along."""
BYTES_A_TOKEN = 4
"""Of a text in a European language, roughly."""

PASSES = 6
"""Multiplications of a weight with a token: the layer runs once for each group of linears with the same input, and the
inputs' products are summed up."""
SEARCHED = 3_000
"""Operations on a weight while the best scale is looked for."""
ROUNDED = 300
"""Operations on a weight while it is rounded, and the later ones make up for it."""
PACE = 12e9
"""Operations a second and core of a usual processor, in float32."""

_IN_LAYER = re.compile(r"(?:^|\.)\d+\..+\.weight$")
"""A weight inside one of the numbered layers."""


class QuantizeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides how large a GPTQ copy is and how long it takes to make."""

    refusal: str = ""
    """Why the model can't be quantised, and what to do; empty where nothing speaks against it."""
    linears: dict[tuple[int, int], int] = {}
    """How many linears there are of (inputs, outputs)."""
    kept_bytes: int = 0
    """Bytes of all tensors that stay as they are."""
    bytes_before: int = 0
    """Bytes of all tensors now."""
    context: int = 0
    """Tokens the model was made for; 0 if unknown."""

    def bytes_after(self, bits: int, group_size: int) -> int:
        """Bytes of the copy's weights."""
        return self.kept_bytes + sum(
            count * _packed_bytes(inputs, outputs, bits, group_size)
            for (inputs, outputs), count in self.linears.items()
        )

    def odd_inputs(self, group_size: int) -> tuple[int, ...]:
        """Numbers of inputs that groups of this size don't divide."""
        return tuple(sorted({inputs for inputs, _ in self.linears if group_size > 0 and inputs % group_size}))

    def seconds(self, request: QuantizeRequest, cores: int = 0) -> float:
        """How long it takes on the processor, within a factor of two or three."""
        weights = sum(inputs * outputs * count for (inputs, outputs), count in self.linears.items())
        whole = weights * (PASSES * self._tokens(request) + ROUNDED + (SEARCHED if request.search else 0))
        return whole / (PACE * (cores or os.cpu_count() or 1))

    def _tokens(self, request: QuantizeRequest) -> int:
        most = request.samples * min(BLOCK, self.context or BLOCK)
        if not request.calibration:
            return min(most, OWN_TOKENS)
        try:
            return min(most, Path(request.calibration).stat().st_size // BYTES_A_TOKEN)
        except OSError:
            return most  # a file that is missing is told where it is read


def read_quantize_facts(path: Path) -> QuantizeFacts:
    """The facts about a model folder or a single file; a refusal in words where it can't be quantised."""
    try:
        files = files_of(path)
        judged = judge(path, files)
        if judged.bits not in {16, 32, 64}:
            words = (
                "{name} is stored as {format}, so it is quantised already. Choose the original in 16 or 32 bits and "
                "quantise that."
            )
            return QuantizeFacts(refusal=words.format(name=path.name, format=judged.format or "no known format"))
        tensors = [tensor for file in files for tensor in _tensors(file)]
        config = read_json((path if path.is_dir() else path.parent) / "config.json")
    except LoaderError as error:
        return QuantizeFacts(refusal=str(error))
    except OSError as error:
        return QuantizeFacts(refusal=f"{path} can't be read ({error.strerror}).")
    return _facts(tensors, config)


def _facts(tensors: list[TensorHeader], config: dict[str, Any]) -> QuantizeFacts:
    linears = [one for one in tensors if len(one.shape) == 2 and _IN_LAYER.search(one.name)]
    if not linears:
        return QuantizeFacts(refusal="No plain linears were found in its layers, so GPTQ has nothing to quantise.")
    odd = next((one for one in linears if one.shape[0] % PACK or one.shape[1] % PACK), None)
    if odd is not None:
        words = "{name} has {inputs} inputs and {outputs} outputs; the GPTQ format needs multiples of {pack}."
        refusal = words.format(name=odd.name, inputs=odd.shape[1], outputs=odd.shape[0], pack=PACK)
        return QuantizeFacts(refusal=refusal)
    whole = sum(one.bytes for one in tensors)
    context = config.get("max_position_embeddings")
    return QuantizeFacts(
        linears=dict(Counter((one.shape[1], one.shape[0]) for one in linears)),
        kept_bytes=whole - sum(one.bytes for one in linears),
        bytes_before=whole,
        context=context if type(context) is int and context > 0 else 0,
    )


def _tensors(file: Path) -> tuple[TensorHeader, ...]:
    return read_safetensors_header(file) if file.suffix.lower() == ".safetensors" else read_pickled_header(file)


def _packed_bytes(inputs: int, outputs: int, bits: int, group_size: int) -> int:
    """Codes and zero points of `bits`, scales in float16, and the group of each input as int32."""
    groups = 1 if group_size == -1 else -(-inputs // group_size)
    return (inputs + groups) * outputs * bits // 8 + groups * outputs * 2 + inputs * 4


def time_in_words(seconds: float) -> str:
    """Roughly: "less than a minute", "about 5 min", "about 3 h"."""
    if seconds < 55:
        return "less than a minute"
    if seconds < 90 * 60:
        return f"about {max(round(seconds / 60), 1)} min"
    return f"about {round(seconds / 3600)} h"
