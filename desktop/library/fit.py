"""Whether an adapter fits a model, from the shapes in the headers of their files. Needs no torch and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from desktop.api import LoaderError
from desktop.api.checkpoints import read_safetensors_header, weight_files

from .adapter_weights import read_adapter_header
from .pickled_shapes import read_pickled_header

Shapes = Mapping[str, tuple[int, ...]]
_PACKED: tuple[int, ...] = ()
"""Stands for the shape of a weight that is quantised to few bits: by bitsandbytes, AWQ or ExLlama."""
PREFIX = "base_model.model."
"""What PEFT puts before a module's name when it saves an adapter."""
_SHOWN = 120


class Fit(msgspec.Struct, frozen=True):
    """The verdict about one adapter on one model."""

    verdict: Literal["fits", "misfit", "unknown"]
    reason: str = ""
    """Why, in words; empty where it fits in full."""


class FitJudge:
    """Remembers the shapes of the model that was asked about last: a library holds many adapters for one model."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._model = Path()
        self._shapes: Shapes | None = None

    def judge(self, adapter: Path, model: Path) -> Fit:
        """Compare; what can't be read gives "unknown" with the reason, never an exception."""
        try:
            if model != self._model or self._shapes is None:
                self._shapes, self._model = model_shapes(model), model
            return compare(_adapter_shapes(adapter), self._shapes)
        except (LoaderError, OSError) as error:
            return Fit("unknown", str(error))


def compare(adapter: Shapes, model: Shapes) -> Fit:
    """The verdict from the shapes of an adapter's factors and of a model's weights."""
    if not model:
        return Fit("unknown", "The model's weights can't be looked into without loading it.")
    factors = {name: shape for name, shape in adapter.items() if ".lora_A." in name or ".lora_B." in name}
    if not factors:
        return Fit("unknown", "Its file names no LoRA factors.")
    matched, total, packed = set(), set(), set()
    for name, shape in factors.items():
        module, _, rest = name.removeprefix(PREFIX).partition(".lora_")
        total.add(module)
        weight = _weight(module, model)
        if weight is None or len(shape) != 2:
            continue
        matched.add(module)
        if weight == _PACKED:
            packed.add(module)
            continue
        if words := _misfit(module, rest[0], shape, weight):
            return Fit("misfit", words)
    if not matched:
        return Fit("misfit", f"none of its {len(total)} modules, such as {min(total)[:_SHOWN]}, is in this model")
    if len(matched) < len(total):
        return Fit("unknown", f"{len(total) - len(matched)} of its {len(total)} modules were not found in the files")
    if packed:
        hidden = f"{len(packed)} of its {len(total)} modules"
        return Fit("unknown", f"the weights of {hidden} are quantised in a way that hides their sizes")
    return Fit("fits")


def _weight(module: str, model: Shapes) -> tuple[int, ...] | None:
    """The shape of a module's weight, unpacked; _PACKED where that can't be seen, None where the model has none."""
    packed = model.get(f"{module}.qweight")
    if packed is not None:
        return _gptq_weight(module, packed, model)
    if f"{module}.weight.absmax" in model or f"{module}.q_weight" in model:
        return _PACKED
    weight = model.get(f"{module}.weight")
    return weight if weight is not None and len(weight) == 2 else None


def _gptq_weight(module: str, packed: tuple[int, ...], model: Shapes) -> tuple[int, ...]:
    """GPTQ packs along the inputs, of which its index has one number each; others pack differently."""
    index, scales = model.get(f"{module}.g_idx", ()), model.get(f"{module}.scales", ())
    if len(index) == 1 and len(packed) == len(scales) == 2 and packed[1] == scales[1]:
        return packed[1], index[0]
    return _PACKED


def _misfit(module: str, factor: str, shape: tuple[int, ...], weight: tuple[int, ...]) -> str:
    short = module.rpartition(".")[2][:_SHOWN]
    if factor == "A" and shape[1] not in weight:
        return f"its {short} is {shape[1]} wide, this model has {weight[1]}"
    if factor == "B" and shape[0] not in weight:
        return f"its {short} gives {shape[0]} values, this model's gives {weight[0]}"
    return ""


def _adapter_shapes(folder: Path) -> Shapes:
    return {tensor.name: tensor.shape for tensor in read_adapter_header(folder)}


def model_shapes(path: Path) -> Shapes:
    """The shapes of a model's weights, from headers alone. Raises LoaderError or OSError if they can't be read."""
    files = weight_files(path) if path.is_dir() else [path]
    readers = {".safetensors": read_safetensors_header, ".bin": read_pickled_header}
    return {
        tensor.name: tensor.shape
        for file in files
        if (read := readers.get(file.suffix)) is not None
        for tensor in read(file)
    }
