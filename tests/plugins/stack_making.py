"""Adapters on disk for a model's modules, written as PEFT writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from desktop.api import Lora
from loader_kit.matching import linear_sizes
from tests.plugins.families import targets


def write_adapter(
    folder: Path, model, names: Iterable[str], rank: int = 4, seed: int = 0, sizes=None, **config
) -> Path:
    """Random factors for these modules; `sizes` has their (in, out) where the model's own modules don't say them."""
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(seed)
    modules, tensors = targets(model), {}
    for name in names:
        wide, out = sizes[name] if sizes else linear_sizes(modules[name])
        a, b = torch.randn(rank, wide, generator=generator) / 8, torch.randn(out, rank, generator=generator) / 4
        form = "lora_embedding_{}" if isinstance(modules.get(name), torch.nn.Embedding) else "lora_{}.weight"
        tensors[f"base_model.model.{name}.{form.format('A')}"] = a
        tensors[f"base_model.model.{name}.{form.format('B')}"] = b
    save_file(tensors, folder / "adapter_model.safetensors")
    known = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 8, "bias": "none"}
    known |= {"target_modules": sorted(names), "base_model_name_or_path": "somebody/tiny", **config}
    (folder / "adapter_config.json").write_text(json.dumps(known))
    return folder


def write_trained(folder: Path, model, name: str) -> Path:
    """An adapter with factors for one module and a trained one in the place of another."""
    other = next(one for one in targets(model) if one != name and "layers" in one)
    write_adapter(folder, model, [other], modules_to_save=[name])
    tensors = load_file(folder / "adapter_model.safetensors")
    weight = targets(model)[name].weight
    tensors[f"base_model.model.{name}.weight"] = weight + torch.ones_like(weight) / 8
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def row(path: Path, weight: float = 1.0, **more) -> Lora:
    """A row of the stack for an adapter's folder."""
    name = "".join(letter if letter.isalnum() else "_" for letter in path.name)
    return Lora(id=name, name=path.name, path=str(path), weight=weight, **more)
