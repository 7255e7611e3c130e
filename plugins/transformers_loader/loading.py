"""Loads a model with transformers and says in words what it can't load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from desktop.api import LoaderError, LoadRequest, ModelInfo, Progress, read_settings
from desktop.api.checkpoints import read_json, read_safetensors_header
from loader_kit.devices import DTYPES, Place, choose_place, dtype_name, memory_map, versions
from loader_kit.model_folder import dtype_argument, load_tokenizer, loading_error_in_words, usable_folder
from loader_kit.torch_model import TorchModel, find_end_tokens

from .bits import quantisation
from .probe import model_files, verdict
from .progress import report_weights
from .settings import Settings

STORED = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32, "F64": torch.float32}


def load_model(request: LoadRequest, progress: Progress) -> TorchModel | None:
    """Load a folder or a file. None if it is no model for transformers; LoaderError if it is a broken one."""
    settings = read_settings(Settings, request.settings)
    path = Path(request.path)
    if path.suffix.lower() == ".gguf":
        from .gguf import convert_gguf

        if request.convert_to is None:
            raise LoaderError("A GGUF file must be converted first; give a folder to convert it to.")
        path = convert_gguf(path, Path(request.convert_to), progress)
    folder, files = model_files(path)
    judged = verdict(path)
    if not judged.fits:
        raise LoaderError(judged.reason)
    config = read_json(folder / "config.json")
    place = choose_place(request, _stored_dtype(config, files), judged.memory_bytes // _item_size(config, files))
    with usable_folder(path, folder, files) as usable:
        progress("Reading the tokenizer", None)
        tokenizer = load_tokenizer(usable, request.trust_remote_code)
        model = _load_weights(usable, request, settings, place, progress)
    info = _info(str(path), model, request, place, bool(getattr(tokenizer, "chat_template", None)))
    return TorchModel(model, tokenizer, info, find_end_tokens(model, tokenizer))


def _load_weights(folder: Path, request: LoadRequest, settings: Settings, place: Place, progress: Progress) -> Any:
    arguments: dict[str, Any] = {
        dtype_argument(): place.dtype,
        "trust_remote_code": request.trust_remote_code,
        "local_files_only": True,
        "output_loading_info": True,
    }
    if settings.attention != "auto":
        arguments["attn_implementation"] = settings.attention
    if request.bits != 16:
        arguments["quantization_config"] = quantisation(request.bits, settings, place)
    if place.device.type == "cuda" or request.bits != 16 or request.memory_limits:
        arguments.update(_device_map(request, place))
    with report_weights(progress):
        try:
            model, loading = transformers.AutoModelForCausalLM.from_pretrained(str(folder), **arguments)
        except (ValueError, OSError, KeyError, ImportError, RuntimeError) as error:
            raise loading_error_in_words(error, folder) from error
    missing = sorted(loading.get("missing_keys") or ())
    if missing:
        raise LoaderError(
            f"The model's files lack {len(missing)} of its tensors (such as {missing[0]}). Download the model again."
        )
    if "device_map" not in arguments:
        model = model.to(place.device)
    model.eval()
    model.requires_grad_(False)
    return model


def _device_map(request: LoadRequest, place: Place) -> dict[str, Any]:
    if request.device not in {"auto", place.device.type} or place.device.type == "cpu":
        return {"device_map": {"": str(place.device)}}
    limits = {"max_memory": memory_map(request.memory_limits)} if request.memory_limits else {}
    return {"device_map": "auto", **limits}


def _info(path: str, model: Any, request: LoadRequest, place: Place, has_template: bool) -> ModelInfo:
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    return ModelInfo(
        path=path,
        architecture=type(model).__name__,
        dtype=dtype_name(place.dtype),
        bits=request.bits,
        device=str(model.device),
        context_length=int(getattr(config, "max_position_embeddings", 0) or 0),
        vocabulary_size=int(getattr(config, "vocab_size", 0) or 0),
        parameters=int(model.num_parameters()),
        memory_bytes=int(model.get_memory_footprint()),
        has_template=has_template,
        notes=place.notes,
        versions=versions("torch", "transformers", "peft", "bitsandbytes"),
    )


def _stored_dtype(config: dict[str, Any], files: list[Path]) -> torch.dtype:
    named = config.get("dtype") or config.get("torch_dtype")
    if named in DTYPES:
        return DTYPES[named]
    if files[0].suffix == ".safetensors":
        kinds = [tensor.dtype for tensor in read_safetensors_header(files[0])]
        return next((STORED[kind] for kind in kinds if kind in STORED), torch.float32)
    return torch.float32


def _item_size(config: dict[str, Any], files: list[Path]) -> int:
    return _stored_dtype(config, files).itemsize
