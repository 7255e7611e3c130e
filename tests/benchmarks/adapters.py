"""Adapters to measure with: random factors, so small that the greedy answer stays as long as the base's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from desktop.api.checkpoints import read_safetensors_header, weight_files

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
RANK = 16


def make_adapters(folder: Path, model: Path, count: int) -> list[Path]:
    """Rank 16 on all linears of the model's layers, float32, as PEFT writes them."""
    shapes = {
        header.name.removesuffix(".weight"): header.shape
        for file in weight_files(model)
        for header in read_safetensors_header(file)
        if header.name.removesuffix(".weight").endswith(LINEARS)
    }
    return [_make(folder / f"adapter-{number}", shapes, number) for number in range(1, count + 1)]


def _make(folder: Path, shapes: dict[str, tuple[int, ...]], seed: int) -> Path:
    from safetensors.numpy import save_file

    random = np.random.default_rng(seed)
    tensors = {}
    for name, (out, wide) in shapes.items():
        for side, shape, scale in (("A", (RANK, wide), wide**-0.5), ("B", (out, RANK), 1e-5)):
            factor = random.standard_normal(shape, dtype=np.float32) * np.float32(scale)
            tensors[f"base_model.model.{name}.lora_{side}.weight"] = factor
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "",
        "r": RANK,
        "lora_alpha": 2 * RANK,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": list(LINEARS),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
