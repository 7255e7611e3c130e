"""Everything an adapter's folder tells of it: the configuration, the shapes, the files of its training, its card.

Neither torch nor a pickle's instructions are needed for that. What can't be read is told and the rest is there.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from math import prod
from pathlib import Path
from threading import Event
from typing import Any

import msgspec

from desktop.api import LoaderError
from desktop.api.checkpoints import TensorHeader, read_safetensors_header

from .adapter_weights import BrokenAdapter, find_weights, read_adapter_header
from .adapters import AdapterEntry, entry_from_config, is_finite, is_rank, read_config
from .factors import Factors, pair_factors
from .identity import content_hash
from .model_card import CARD, ModelCard, read_model_card
from .places import printable, unreadable_in_words
from .training_facts import Training, read_training

_SHOWN = {
    "peft_type", "r", "rank_pattern", "lora_alpha", "alpha_pattern", "target_modules", "base_model_name_or_path",
    "peft_version", "use_rslora", "use_dora",
}  # fmt: skip
"""Settings that have a field of their own."""
_DULL: dict[str, Any] = {
    "inference_mode": True, "init_lora_weights": True, "bias": "none", "megatron_core": "megatron.core",
    "qalora_group_size": 16,
}  # fmt: skip
"""Settings that say nothing as long as they have these values."""
_LONGEST = 200
"""Characters of a setting that could be any length."""


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter, looked into."""

    name: str
    path: str
    kind: str = ""
    """LoRA, rsLoRA, DoRA, ... as the configuration has it."""
    rank: int = 0
    """The largest one; 0 where the kind has none."""
    ranks: tuple[int, ...] = ()
    """Every rank its factors have."""
    rank_pattern: dict[str, int] = {}
    alpha: float = 0.0
    alpha_pattern: dict[str, float] = {}
    scalings: tuple[float, ...] = ()
    """Every alpha / rank, or alpha / sqrt(rank); empty where a pattern leaves that to the model's names."""
    rslora: bool = False
    dora: bool = False
    target_modules: tuple[str, ...] = ()
    modules: dict[str, int] = {}
    """How many modules of each type have factors."""
    layers: tuple[int, ...] = ()
    base_model: str = ""
    parameters: int = 0
    dtypes: dict[str, int] = {}
    """How many tensors are of each type of number, as safetensors spells it."""
    file: str = ""
    size: int = 0
    """Bytes of the weights file."""
    content_hash: str = ""
    """SHA-256 of configuration and weights, by which recipes know the adapter; empty where a file is missing."""
    peft_version: str = ""
    settings: dict[str, str] = {}
    """What else the configuration says that is not the default."""
    training: Training | None = None
    card: ModelCard | None = None
    unused: tuple[str, ...] = ()
    """Tensors that belong to no factor."""
    notes: tuple[str, ...] = ()
    """What could not be read of the files that are not needed to use it, a sentence each."""
    problems: tuple[str, ...] = ()
    """Why it can't be used as it stands, a sentence each."""


def inspect_adapter(folder: Path, name: str = "", ending: Event | None = None) -> Inspection:
    """Everything about the adapter in a folder, read now; what is missing or broken is among its problems.

    Raises HashStopped once `ending` is set.
    """
    problems: list[str] = []
    read = _read_config(folder, problems)
    config = read or {}
    file, size = _find_weights(folder, problems)
    entry = entry_from_config(name or folder.name, folder, config, file, size)
    if read is None:
        entry = msgspec.structs.replace(entry, kind="")
    elif entry.problem:
        problems.append(entry.problem)
    tensors = _read_header(folder, problems) if file else _read_header_of_part(folder)
    is_lora = str(config.get("peft_type") or "LORA").upper() == "LORA"
    factors = pair_factors(tensors) if is_lora and tensors else Factors({}, (), ())
    problems += [*factors.problems, *_rank_problem(config, factors)]
    training, notes = read_training(folder)
    card, card_notes = _read_card(folder)
    version = str(config.get("peft_version") or "") or (card.peft_version if card else "")
    return Inspection(
        **_of_entry(entry, config),
        **_of_factors(factors, config),
        # Of a type of number that is not known, the shapes were not checked: they may be any size.
        parameters=min(sum(prod(tensor.shape) for tensor in tensors), 2**63 - 1),
        dtypes=dict(Counter(printable(tensor.dtype) for tensor in tensors)),
        content_hash=_hash(folder, problems, ending) if file else "",
        peft_version=printable(version),
        training=training,
        card=card,
        notes=(*notes, *card_notes),
        problems=tuple(dict.fromkeys(map(printable, problems))),
    )


def from_entry(entry: AdapterEntry) -> Inspection:
    """What the list of the library tells of an adapter nobody has looked into."""
    return Inspection(**_of_entry(entry, {}))


def _of_entry(entry: AdapterEntry, config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": entry.name,
        "path": entry.path,
        "kind": entry.kind,
        "rank": entry.rank,
        "rank_pattern": _pattern(config.get("rank_pattern"), is_rank),
        "alpha": entry.alpha,
        "alpha_pattern": _pattern(config.get("alpha_pattern"), is_finite),
        "rslora": bool(config.get("use_rslora")),
        "dora": bool(config.get("use_dora")),
        "target_modules": entry.target_modules,
        "base_model": entry.base_model,
        "file": entry.file,
        "size": entry.size,
        "settings": _settings(config),
    }


def _of_factors(factors: Factors, config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ranks": tuple(sorted(set(factors.ranks.values()))),
        "scalings": _scalings(factors, config),
        "modules": {printable(kind): count for kind, count in factors.types.items()},
        "layers": factors.layers,
        "unused": tuple(map(printable, factors.unused)),
    }


def _read_config(folder: Path, problems: list[str]) -> dict[str, Any] | None:
    try:
        return read_config(folder)
    except BrokenAdapter as error:
        problems.append(str(error))
    except OSError as error:
        problems.append(unreadable_in_words(folder, error))
    return None


def _find_weights(folder: Path, problems: list[str]) -> tuple[str, int]:
    try:
        return find_weights(folder)
    except BrokenAdapter as error:
        problems.append(str(error))
    except OSError as error:
        problems.append(unreadable_in_words(folder, error))
    return "", 0


def _read_header(folder: Path, problems: list[str]) -> tuple[TensorHeader, ...]:
    try:
        return read_adapter_header(folder)
    except LoaderError as error:
        problems.append(str(error))
    return ()


def _read_header_of_part(folder: Path) -> tuple[TensorHeader, ...]:
    """What a download that broke off says it would have held; why it can't be used is known already."""
    try:
        return read_safetensors_header(folder / "adapter_model.safetensors", whole=False)
    except LoaderError:
        return ()


def _read_card(folder: Path) -> tuple[ModelCard | None, tuple[str, ...]]:
    try:
        return read_model_card(folder), ()
    except OSError as error:
        return None, (f"{CARD} can't be read ({error.strerror}).",)


def _hash(folder: Path, problems: list[str], ending: Event | None) -> str:
    try:
        return content_hash(folder, ending)
    except LoaderError as error:
        problems += [] if problems else [str(error)]
    return ""


def _rank_problem(config: Mapping[str, Any], factors: Factors) -> list[str]:
    """Without a pattern every factor has the rank the configuration names, or the two files don't belong together."""
    rank = config.get("r")
    if config.get("rank_pattern") or not is_rank(rank):
        return []
    other = next((found for found in factors.ranks.values() if found != rank), None)
    words = f"adapter_config.json says rank {rank}, its factors have {other}: the two don't belong together."
    return [] if other is None else [words]


def _scalings(factors: Factors, config: Mapping[str, Any]) -> tuple[float, ...]:
    alpha = config.get("lora_alpha")
    # Which modules a pattern means, the loader finds out: a stranger's regular expression is not run here.
    if config.get("alpha_pattern") or not is_finite(alpha):
        return ()
    ranks = set(factors.ranks.values())
    return tuple(sorted(alpha / (math.sqrt(rank) if config.get("use_rslora") else rank) for rank in ranks))


def _pattern(value: object, sound: Any) -> dict[str, Any]:
    rows = value.items() if isinstance(value, dict) else ()
    return {printable(str(name)): number for name, number in rows if sound(number)}


def _settings(config: Mapping[str, Any]) -> dict[str, str]:
    told = {name: value for name, value in config.items() if name not in _SHOWN and value != _DULL.get(name)}
    return {
        printable(name): printable(_as_text(value))[:_LONGEST]
        for name, value in sorted(told.items())
        if value not in (None, False, 0, "", {}, [])
    }


def _as_text(value: object) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        return "..."
