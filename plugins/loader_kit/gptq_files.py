"""Which files of a folder are its GPTQ weights, and what old file names say. Needs no torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import LoaderError
from desktop.api.checkpoints import read_json, weight_files

SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")

_NAME = re.compile(r"(?P<bits>\d+)-?bit(?:[-_.](?P<group>\d+)g)?", re.IGNORECASE)
_NO_ACT_ORDER = re.compile(r"no[-_.]?act", re.IGNORECASE)
_ACT_ORDER = re.compile(r"act[-_.]?order", re.IGNORECASE)
# Files beside the weights that end like weights.
_NO_WEIGHTS = re.compile(r"^(training_args|optimizer|scheduler|rng_state|adapter_model)", re.IGNORECASE)


class NameSays(msgspec.Struct, frozen=True):
    """What a file's name says of its weights, as people named them when there was no configuration; None: nothing."""

    bits: int | None = None
    group_size: int | None = None
    act_order: bool | None = None


class ModelFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint on disk with its configuration files."""

    folder: Path
    weights: tuple[Path, ...]
    config: dict[str, Any] | None
    """config.json; None where there is none."""
    quantisation: dict[str, Any] | None
    """How it was quantised: from config.json, else quantize_config.json; None where neither says."""
    beside: tuple[Path, ...] = ()
    """Files that are called like quantised weights and lie beside unquantised ones."""


def read_name(file: Path) -> NameSays:
    """ "llama-7b-4bit-128g.no-act-order.pt" says 4 bits, groups of 128, no act-order."""
    stem = file.name
    match = _NAME.search(stem)
    if match is None:
        return NameSays()
    act_order = False if _NO_ACT_ORDER.search(stem) else True if _ACT_ORDER.search(stem) else None
    return NameSays(int(match["bits"]), int(match["group"]) if match["group"] else None, act_order)


def find_files(path: Path) -> ModelFiles:
    """The weights at `path`, a folder or one file, and their configuration. Raises LoaderError where there are none."""
    if not path.exists():
        raise LoaderError(f"{path} is not there.")
    if path.is_file() and path.suffix.lower() == ".gguf":
        raise LoaderError(f"{path.name} is a GGUF, not GPTQ; the Transformers loader opens it.")
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        raise LoaderError(f"{path.name} is no model file this loader knows (a folder, .safetensors, .pt or .bin).")
    folder = path if path.is_dir() else path.parent
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        raise LoaderError(f"{path.name} is a LoRA adapter, not a base model. Give it with --lora.")
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else None
    quantisation = _quantisation(folder, config)
    weights = [path] if path.is_file() else _weights(folder, quantisation)
    if not weights:
        raise LoaderError(f"There are no weights in {folder}: no .safetensors, .pt or .bin. Download the model again.")
    beside = [] if path.is_file() else [file for file in _old_names(folder) if file not in weights]
    return ModelFiles(
        folder=folder, weights=tuple(weights), config=config, quantisation=quantisation, beside=tuple(beside)
    )


def _quantisation(folder: Path, config: dict[str, Any] | None) -> dict[str, Any] | None:
    inside = (config or {}).get("quantization_config")
    if isinstance(inside, dict):
        # AutoGPTQ's own configuration has no quant_method; MLX leaves it out too and says "quantization" as well.
        return {"quant_method": "MLX" if "quantization" in (config or {}) else "gptq"} | inside
    if (folder / "quantize_config.json").is_file():
        return {"quant_method": "gptq"} | read_json(folder / "quantize_config.json")
    return None


def _weights(folder: Path, quantisation: dict[str, Any] | None) -> list[Path]:
    """AutoGPTQ's names, then the usual names of Hugging Face, then what the first programs wrote."""
    for stem in _stems(folder, quantisation or {}):
        if (found := _named(folder, stem)) and found[0].name.startswith(stem):
            return found
        for suffix in (".bin", ".pt"):
            if (folder / (stem + suffix)).is_file():
                return [folder / (stem + suffix)]
    if found := _named(folder, "model"):
        return found
    old = _old_names(folder)
    if old:
        # As text-generation-webui chose: a name with a group size before one without, and the last by name.
        # Where it took a .pt first, a .safetensors is taken: only that can be judged without executing anything.
        return [
            max(old, key=lambda file: (read_name(file).group_size is not None, file.suffix == ".safetensors", file))
        ]
    safe = [file for file in sorted(folder.glob("*.safetensors")) if not _NO_WEIGHTS.match(file.name)]
    return safe[-1:]


def _named(folder: Path, stem: str) -> list[Path]:
    try:
        return weight_files(folder, stem)
    except LoaderError:
        # Many a quantised file lies beside the index of the original's shards, which nobody downloaded.
        if _old_names(folder):
            return []
        raise


def _stems(folder: Path, quantisation: dict[str, Any]) -> list[str]:
    """What the configuration and AutoGPTQ's habit call the weights, as far as there are files of that name."""
    names = sorted(file.name for file in folder.iterdir())
    base, bits, group = (quantisation.get(key) for key in ("model_file_base_name", "bits", "group_size"))
    wanted = [base, f"gptq_model-{bits}bit-{group}g"]
    # Only what a file is really called: the configuration is a stranger's text and may hold a path.
    stems = [stem for stem in wanted if isinstance(stem, str) and any(_stem(name) == stem for name in names)]
    stems += [_stem(name) for name in names if name.startswith("gptq_model-")]
    return list(dict.fromkeys(stems))


def _stem(name: str) -> str:
    """The name without the number of its shard and without its suffixes; a dot inside it stays."""
    return re.sub(r"(-\d{5}-of-\d{5})?\.(safetensors|bin|pt|pth)(\.index\.json)?$", "", name)


def _old_names(folder: Path) -> list[Path]:
    """Files whose names say how many bits they have."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES
        and read_name(file).bits is not None
        and not _NO_WEIGHTS.match(file.name)
        and file.is_file()
    )
