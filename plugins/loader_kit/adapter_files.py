"""Reads an adapter's folder: its configuration and its factors. Nothing in it is ever executed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import torch

from desktop.api import LoaderError
from desktop.api.checkpoints import ADAPTER_HEADER_LIMIT, ADAPTER_JSON_LIMIT, read_json, read_safetensors_header

from .adapter_kinds import refuse_unknown_kinds
from .config_check import is_alpha, is_rank, plain
from .magnitudes import MAGNITUDE, refuse_damaged_magnitudes
from .module_patterns import ModulePatterns
from .pickled_weights import read_pickled
from .trained_parts import TrainedParts, find_trained_parts, refuse_unknown_factors

_FACTOR = re.compile(
    r"^(?:base_model\.model\.)?(?P<module>.+?)\."
    r"(?:lora_(?P<side>[AB])(?:\.[^.]+)?\.weight|lora_embedding_(?P<embedding>[AB])(?:\.[^.]+)?)$"
)
_TYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


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
    ranks: ModulePatterns
    """The ranks by module, where they differ from the configuration's."""
    alphas: ModulePatterns
    """The alphas by module, likewise."""
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
    try:
        return _read(folder, name)
    except OSError as error:
        raise LoaderError(f"{name} can't be read ({error}). Look at its permissions or download it again.") from error


def _read(folder: Path, name: str) -> AdapterFiles:
    if not folder.is_dir():
        raise LoaderError(f"{folder} is not a folder. An adapter is a folder with adapter_config.json inside.")
    if not (folder / "adapter_config.json").is_file():
        raise LoaderError(f"{name} is not an adapter: there is no adapter_config.json in {folder}.")
    config = read_json(folder / "adapter_config.json", ADAPTER_JSON_LIMIT)
    refuse_unknown_kinds(config, name)
    ranks = ModulePatterns(config.get("rank_pattern"), is_rank, name)
    alphas = ModulePatterns(config.get("alpha_pattern"), is_alpha, name)
    tensors = _clean(read_tensors(folder, name), name)
    modules, left = _pair(tensors, name, is_dora=bool(config.get("use_dora")))
    if not modules:
        raise LoaderError(f"{name} holds no LoRA factors: none of its {len(tensors)} tensors is a lora_A or lora_B.")
    parts, unused = find_trained_parts(tensors, left)
    # Magnitudes of one that says it is no DoRA are left out, as PEFT does.
    refuse_unknown_factors([key for key in unused if not MAGNITUDE.match(key)], name)
    if config.get("use_dora"):
        outputs = {module: None if row.embedding else row.b.shape[0] for module, row in modules.items()}
        refuse_damaged_magnitudes(tensors, outputs, name)
    return AdapterFiles(name, config, tensors, modules, unused, ranks, alphas, parts)


def read_tensors(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """The tensors of an adapter on the CPU. A .bin is read without executing what it pickles."""
    safe, old = folder / "adapter_model.safetensors", folder / "adapter_model.bin"
    if safe.is_file():
        return _read_safetensors(safe, name)
    if old.is_file():
        return read_pickled(old)
    raise LoaderError(f"{name} has no weights: neither adapter_model.safetensors nor adapter_model.bin in {folder}.")


def _read_safetensors(path: Path, name: str) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError

    from .mapped_tensors import map_tensors

    again = "Download the adapter again."
    headers = read_safetensors_header(path, ADAPTER_HEADER_LIMIT)
    empty = next((row.name for row in headers if not row.bytes), None)
    if empty is not None:
        raise LoaderError(f"{name} is damaged: {plain(empty)} holds no numbers. {again}")
    try:
        return map_tensors(path, headers)
    except KeyError as error:
        raise LoaderError(
            f"{name} holds numbers of a kind this program can't read ({plain(error)}). {again}"
        ) from error
    except (SafetensorError, RuntimeError, ValueError, TypeError) as error:
        raise LoaderError(f"The weights of {name} can't be read ({error}). {again}") from error


def _clean(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    # Files saved from a running PeftModel carry the adapter's name ("lora_A.default.weight"); PEFT's own don't.
    clean = {re.sub(r"\.(lora_[AB])\.[^.]+\.weight$", r".\1.weight", key): value for key, value in tensors.items()}
    if len(clean) < len(tensors):
        raise LoaderError(f"{name} holds more than one adapter. Save each in a folder of its own.")
    return clean


def _pair(tensors: dict[str, torch.Tensor], name: str, *, is_dora: bool) -> tuple[dict[str, Factors], tuple[str, ...]]:
    sides: dict[str, dict[str, torch.Tensor]] = {}
    embeddings: set[str] = set()
    unused = []
    for key, value in tensors.items():
        match = _FACTOR.match(key)
        if match is None:
            if not (is_dora and MAGNITUDE.match(key)):
                unused.append(key)
            continue
        if match["embedding"]:
            embeddings.add(match["module"])
        pair, side = sides.setdefault(match["module"], {}), match["side"] or match["embedding"]
        if side in pair:
            raise LoaderError(f"{name} has factors for {plain(match['module'])} twice. Download it again.")
        pair[side] = value
    modules = {}
    for module, pair in sides.items():
        if len(pair) != 2:
            raise LoaderError(
                f"{name} is incomplete: {plain(module)} has only one of its two factors. Download it again."
            )
        modules[module] = _factors(pair["A"], pair["B"], module, name, embedding=module in embeddings)
    return modules, tuple(unused)


def _factors(a: torch.Tensor, b: torch.Tensor, module: str, name: str, *, embedding: bool) -> Factors:
    odd = next((side.dtype for side in (a, b) if side.dtype not in _TYPES), None)
    if odd is not None:
        raise LoaderError(
            f"The factors of {plain(module)} in {name} are {str(odd).removeprefix('torch.')}, which can't be computed "
            "with. Save the adapter again in 16 or 32 bits."
        )
    if a.dim() < 2 or b.dim() < 2 or a.shape[0] != b.shape[1] or not a.shape[0]:
        raise LoaderError(f"{name} is damaged: the factors of {plain(module)} don't fit together. Download it again.")
    # What float32 can't hold would become infinite when it is attached, after everything was checked.
    a, b = (side.float() if side.dtype == torch.float64 else side for side in (a, b))
    return Factors(a, b, embedding)
