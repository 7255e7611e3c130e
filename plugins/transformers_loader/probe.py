"""Whether transformers can open a model, judged from its configuration and its headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from desktop.api import LoaderError, Verdict
from desktop.api.checkpoints import read_json, read_safetensors_header, weight_files


def verdict(path: Path) -> Verdict:
    """The verdict about a folder or a single file."""
    try:
        if path.suffix.lower() == ".gguf" and path.is_file():
            from .gguf import gguf_verdict

            return gguf_verdict(path)
        return _folder_verdict(path)
    except LoaderError as error:
        return Verdict(fits=False, reason=str(error))


def model_files(path: Path) -> tuple[Path, list[Path]]:
    """The folder with the configuration, and the weight files. Raises LoaderError saying what is missing."""
    if path.is_file() and path.suffix in {".safetensors", ".bin"}:
        folder, files = path.parent, [path]
    elif path.is_dir():
        folder, files = path, weight_files(path)
    elif path.exists():
        raise LoaderError(f"{path.name} is no model file this loader knows (a folder, .safetensors, .bin or .gguf).")
    else:
        raise LoaderError(f"{path} is not there.")
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise LoaderError(f"{path.name} is a LoRA adapter, not a base model. Give it with --lora.")
        if any(folder.glob("*.gguf")):
            raise LoaderError(f"{path.name} holds GGUF files. Name one of them instead of the folder.")
        raise LoaderError(f"There is no config.json in {folder}, so nobody can say what the model is.")
    if not files:
        raise LoaderError(f"There are no weights in {folder}: no .safetensors and no .bin. Download the model again.")
    return folder, files


def _folder_verdict(path: Path) -> Verdict:
    folder, files = model_files(path)
    config = read_json(folder / "config.json")
    kind = str(config.get("model_type") or "unknown")
    method = _quantisation(config)
    if (folder / "quantize_config.json").is_file() or method == "gptq":
        return Verdict(fits=False, reason="This model is quantised with GPTQ; the AutoGPTQ loader is made for it.")
    if method not in {"", "bitsandbytes"}:
        return Verdict(fits=False, reason=f"This model is quantised with {method}, which this loader doesn't open.")
    memory = sum(_bytes(file) for file in files)
    suffix = "safetensors" if files[0].suffix == ".safetensors" else ".bin"
    words = f"{kind}, {suffix}" + (f" in {len(files)} shards" if len(files) > 1 else "")
    needs = " It brings Python code of its own, which needs --trust-remote-code." if config.get("auto_map") else ""
    return Verdict(
        fits=True, native=True, reason=f"A Hugging Face model ({words}).{needs}", format=words, memory_bytes=memory
    )


def _quantisation(config: dict[str, Any]) -> str:
    value = config.get("quantization_config")
    return str(value.get("quant_method", "an unknown method")).lower() if isinstance(value, dict) else ""


def _bytes(file: Path) -> int:
    if file.suffix == ".safetensors":
        return sum(tensor.bytes for tensor in read_safetensors_header(file))
    return file.stat().st_size
