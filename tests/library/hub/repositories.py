"""Repositories to download: whole adapters and models, every byte of their weights by chance."""

from __future__ import annotations

import random

from tests.library.making import LLAMA, write_json, write_safetensors


def adapter_files(seed=0, size=64 * 1024):
    """A whole adapter's files; about `size` bytes of weights, each byte by chance."""
    chance = random.Random(seed)
    rank = max(size // 512, 1)
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 16, "target_modules": ["q_proj"]}
    return {
        "adapter_config.json": config | {"base_model_name_or_path": "decapoda-research/llama-7b-hf"},
        "adapter_model.safetensors": {
            f"{name}.lora_A.weight": ("F32", (rank, 64), chance.randbytes(rank * 256)),
            f"{name}.lora_B.weight": ("F32", (64, rank), chance.randbytes(rank * 256)),
        },
        "README.md": b"# An adapter\n",
    }


def model_files(seed=0, size=64 * 1024, shards=2):
    """A whole model's files in some shards."""
    chance = random.Random(seed)
    rows = max(size // 128 // shards, 1)
    files = {"config.json": LLAMA, "tokenizer.json": {"seed": seed}, "generation_config.json": {}}
    names = {}
    for shard in range(1, shards + 1):
        path = f"model-{shard:05}-of-{shards:05}.safetensors"
        name = f"model.layers.{shard}.self_attn.q_proj.weight"
        files[path] = {name: ("BF16", (rows, 64), chance.randbytes(rows * 128))}
        names[name] = path
    return files | {"model.safetensors.index.json": {"weight_map": names}}


def in_bytes(files, folder):
    """Files as they lie on a hub: dictionaries become JSON or safetensors, written below `folder`."""
    found = {}
    for path, made in files.items():
        if isinstance(made, dict):
            write = write_safetensors if path.endswith(".safetensors") else write_json
            made = write(folder / path, made).read_bytes()
        found[path] = made
    return found


def content(folder):
    """Every file below a folder, by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
