"""Reads an adapter's folder: its configuration and its factors. Nothing in it is ever executed."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from desktop.api import LoaderError
from desktop.api.checkpoints import read_json, read_safetensors_header

from .adapter_kinds import refuse_unknown_kinds
from .trained_parts import TrainedParts, find_trained_parts, refuse_unknown_factors

_FACTOR = re.compile(
    r"^(?:base_model\.model\.)?(?P<module>.+?)\."
    r"(?:lora_(?P<side>[AB])(?:\.[^.]+)?\.weight|lora_embedding_(?P<embedding>[AB])(?:\.[^.]+)?)$"
)
_MAGNITUDE = re.compile(r"\.lora_magnitude_vector(\.[^.]+)?(\.weight)?$")


class Factors(msgspec.Struct, frozen=True):
    """The two factors of one module: A of shape (rank, in), B of shape (out, rank); convolutions have more axes."""

    a: torch.Tensor
    b: torch.Tensor
    embedding: bool = False

    @property
    def rank(self) -> int:
        """Size of the axis both share."""
        return self.a.shape[0]


class AdapterFiles(msgspec.Struct, frozen=True):
    """One adapter as read from disk."""

    name: str
    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]
    """Every tensor by its name in the file, with any adapter name inside it taken out."""
    modules: dict[str, Factors]
    """The factors by module name, as the base model names its modules."""
    unused: tuple[str, ...]
    """Tensors that nothing takes."""
    parts: TrainedParts = TrainedParts()
    """What it brings besides factors."""

    @property
    def kind(self) -> str:
        """LoRA, rsLoRA or DoRA."""
        if self.config.get("use_dora"):
            return "DoRA"
        return "rsLoRA" if self.config.get("use_rslora") else "LoRA"


def read_adapter(folder: Path, name: str) -> AdapterFiles:
    """Read and check an adapter. Raises LoaderError, naming what is wrong, before anything is attached."""
    if not folder.is_dir():
        raise LoaderError(f"{folder} is not a folder. An adapter is a folder with adapter_config.json inside.")
    if not (folder / "adapter_config.json").is_file():
        raise LoaderError(f"{name} is not an adapter: there is no adapter_config.json in {folder}.")
    config = read_json(folder / "adapter_config.json")
    refuse_unknown_kinds(config, name)
    tensors = _clean(read_tensors(folder, name))
    modules, left = _pair(tensors, name)
    if not modules:
        raise LoaderError(f"{name} holds no LoRA factors: none of its {len(tensors)} tensors is a lora_A or lora_B.")
    parts, unused = find_trained_parts(tensors, left)
    refuse_unknown_factors(unused, name)
    _refuse_useless(modules, parts, name)
    return AdapterFiles(name, config, tensors, modules, unused, parts)


def read_tensors(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """The tensors of an adapter on the CPU. A .bin is read without executing what it pickles."""
    safe, old = folder / "adapter_model.safetensors", folder / "adapter_model.bin"
    try:
        if safe.is_file():
            read_safetensors_header(safe)
            from safetensors.torch import load_file

            return load_file(safe)
        if old.is_file():
            loaded = torch.load(old, map_location="cpu", weights_only=True)
            if isinstance(loaded, dict) and all(isinstance(value, torch.Tensor) for value in loaded.values()):
                return {str(key): value for key, value in loaded.items()}
            raise LoaderError(f"{old} holds something else than tensors. Don't use this adapter.")
    except pickle.UnpicklingError as error:
        raise LoaderError(
            f"{old} holds more than tensors, which could run code, or it is damaged; it was not opened. "
            "Get the adapter as .safetensors."
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError) as error:
        raise LoaderError(f"The weights of {name} can't be read ({error}). Download the adapter again.") from error
    raise LoaderError(f"{name} has no weights: neither adapter_model.safetensors nor adapter_model.bin in {folder}.")


def _clean(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    # Files saved from a running PeftModel carry the adapter's name ("lora_A.default.weight"); PEFT's own don't.
    return {re.sub(r"\.(lora_[AB])\.[^.]+\.weight$", r".\1.weight", key): value for key, value in tensors.items()}


def _pair(tensors: dict[str, torch.Tensor], name: str) -> tuple[dict[str, Factors], tuple[str, ...]]:
    sides: dict[str, dict[str, torch.Tensor]] = {}
    embeddings: set[str] = set()
    unused = []
    for key, value in tensors.items():
        match = _FACTOR.match(key)
        if match is None:
            if not _MAGNITUDE.search(key):
                unused.append(key)
            continue
        if match["embedding"]:
            embeddings.add(match["module"])
        sides.setdefault(match["module"], {})[match["side"] or match["embedding"]] = value
    modules = {}
    for module, pair in sides.items():
        if len(pair) != 2:
            raise LoaderError(f"{name} is incomplete: {module} has only one of its two factors. Download it again.")
        a, b = pair["A"], pair["B"]
        if a.dim() < 2 or b.dim() < 2 or a.shape[0] != b.shape[1]:
            raise LoaderError(f"{name} is damaged: the factors of {module} don't fit together. Download it again.")
        modules[module] = Factors(a, b, module in embeddings)
    return modules, tuple(unused)


def _refuse_useless(modules: Mapping[str, Factors], parts: TrainedParts, name: str) -> None:
    sides_a, sides_b = [row.a for row in modules.values()], [row.b for row in modules.values()]
    if not _are_finite([*sides_a, *sides_b, *parts.tensors()]):
        raise LoaderError(f"{name} holds numbers that are not finite (NaN or infinity); its training went wrong.")
    if parts.tensors():
        return
    if not any(bool(side.any()) for side in sides_b):
        raise LoaderError(
            f"{name} changes nothing: all its B factors are zero. It is a checkpoint from before the first training "
            "step; choose a later one."
        )
    if not any(bool(a.any()) and bool(b.any()) for a, b in zip(sides_a, sides_b, strict=True)):
        raise LoaderError(f"{name} changes nothing: its factors multiply to zero. Choose another checkpoint.")


def _are_finite(tensors: list[torch.Tensor]) -> bool:
    """Whether no number among these is NaN or infinite."""
    # A norm takes a tenth of the time. It may overflow where the numbers don't, but is never finite where one isn't.
    norms = [float(value) for value in torch._foreach_norm(tensors)]
    return all(
        math.isfinite(norm) or bool(torch.isfinite(tensor).all()) for norm, tensor in zip(norms, tensors, strict=True)
    )
