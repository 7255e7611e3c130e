"""Whether an adapter fits a model, from the shapes in the headers of their files. Needs no torch and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from desktop.api import LoaderError
from desktop.api.checkpoints import ADAPTER_HEADER_LIMIT, read_safetensors_header, weight_files

Shapes = Mapping[str, tuple[int, ...]]
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
                self._shapes, self._model = _model_shapes(model), model
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
    matched, total = set(), set()
    for name, shape in factors.items():
        module, _, rest = name.removeprefix(PREFIX).partition(".lora_")
        total.add(module)
        weight = model.get(f"{module}.weight")
        if weight is None or len(weight) != 2 or len(shape) != 2:
            continue
        matched.add(module)
        if words := _misfit(module, rest[0], shape, weight):
            return Fit("misfit", words)
    if not matched:
        return Fit("misfit", f"none of its {len(total)} modules, such as {min(total)[:_SHOWN]}, is in this model")
    if len(matched) < len(total):
        return Fit("unknown", f"{len(total) - len(matched)} of its {len(total)} modules were not found in the files")
    return Fit("fits")


def _misfit(module: str, factor: str, shape: tuple[int, ...], weight: tuple[int, ...]) -> str:
    short = module.rpartition(".")[2][:_SHOWN]
    if factor == "A" and shape[1] not in weight:
        return f"its {short} is {shape[1]} wide, this model has {weight[1]}"
    if factor == "B" and shape[0] not in weight:
        return f"its {short} gives {shape[0]} values, this model's gives {weight[0]}"
    return ""


def _adapter_shapes(folder: Path) -> Shapes:
    file = folder / "adapter_model.safetensors"
    if not file.is_file():
        raise LoaderError("Its weights are a .bin file, whose shapes are not read before it is attached.")
    return {tensor.name: tensor.shape for tensor in read_safetensors_header(file, ADAPTER_HEADER_LIMIT)}


def _model_shapes(path: Path) -> Shapes:
    files = weight_files(path) if path.is_dir() else [path]
    safe = [file for file in files if file.suffix == ".safetensors"]
    return {tensor.name: tensor.shape for file in safe for tensor in read_safetensors_header(file)}
