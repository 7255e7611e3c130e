"""Writes a quantised checkpoint as AutoGPTQ, GPTQModel and transformers read it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from desktop.api import LoaderError

from .packing import packed_bytes
from .scheme import Scheme

SPARE = 64 << 20
"""Bytes of disk that stay free beyond what is written."""

BESIDE = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "LICENSE",
    "LICENSE.txt",
    "NOTICE",
)
"""Files of the original that go along as they are."""


def kept_tensors(model: Any, linears: dict[str, nn.Linear]) -> dict[str, torch.Tensor]:
    """All tensors of the model but the weights that are quantised; of tied ones the first name."""
    quantised = {f"{name}.weight" for name in linears}
    kept: dict[str, torch.Tensor] = {}
    seen: set[tuple[int, torch.Size, tuple[int, ...]]] = set()
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if name in quantised or (place in seen and tensor.numel()):
            continue
        seen.add(place)
        kept[name] = tensor
    return kept


def refuse_full_disk(
    target: Path, kept: dict[str, torch.Tensor], linears: dict[str, nn.Linear], scheme: Scheme
) -> None:
    """Raises LoaderError where the copy won't fit on the disk of `target`."""
    needed = sum(tensor.numel() * tensor.element_size() for tensor in kept.values()) + SPARE
    needed += sum(packed_bytes(linear, scheme) for linear in linears.values())
    there = next(folder for folder in target.parents if folder.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise LoaderError(
            f"The quantised copy takes {needed / 1e9:.2f} GB and {there} has {free / 1e9:.2f} GB free. Free some "
            "space, or choose another disk with --output."
        )


def write_weights(folder: Path, tensors: dict[str, torch.Tensor]) -> int:
    """Everything in one file, which every reader of this format opens; its size in bytes."""
    from safetensors.torch import save_file

    file = folder / "model.safetensors"
    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, file, metadata={"format": "pt"})
    return file.stat().st_size


def write_configs(folder: Path, model: Any, scheme: Scheme) -> None:
    """config.json with how it was quantised, and quantize_config.json, which AutoGPTQ reads."""
    model.config.save_pretrained(folder)
    quantised = {
        "bits": scheme.bits,
        "group_size": scheme.group_size,
        "desc_act": scheme.act_order,
        "sym": scheme.symmetric,
        "damp_percent": scheme.damp,
        "static_groups": False,
        "true_sequential": True,
        "lm_head": False,
        "quant_method": "gptq",
        "checkpoint_format": "gptq",
    }
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config.setdefault("architectures", [type(model).__name__])
    _write_json(file, config | {"quantization_config": quantised})
    _write_json(
        folder / "quantize_config.json", quantised | {"model_name_or_path": None, "model_file_base_name": "model"}
    )


def write_tokenizer(folder: Path, source: Path, tokenizer: Any) -> None:
    """The original's own files; where it has none, what the tokenizer writes."""
    source = source if source.is_dir() else source.parent
    for name in BESIDE:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    if file.is_file():
        _write_json(file, _readable_anywhere(json.loads(file.read_text(encoding="utf-8"))))


def _readable_anywhere(config: dict[str, Any]) -> dict[str, Any]:
    """transformers 5 names a class, and lists tokens under a name, that transformers 4, where AutoGPTQ lives, doesn't
    know."""
    if config.get("tokenizer_class") == "TokenizersBackend":
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(config.get("extra_special_tokens"), list):
        config["additional_special_tokens"] = config.pop("extra_special_tokens")
    return config


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
