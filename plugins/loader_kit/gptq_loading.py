"""Loads a GPTQ checkpoint into linears of our own; the loaders differ in what they take and how they read zeros."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from desktop.api import LoaderError, LoadRequest, ModelInfo, Progress

from .devices import DTYPES, Place, choose_place, dtype_name, versions
from .gptq_checkpoint import GptqCheckpoint, groups_in_words
from .gptq_files import ModelFiles, find_files
from .gptq_format import recognise
from .gptq_linear import GptqLinear
from .gptq_model import Reading, fill, read_tensors, skeleton
from .gptq_unpacking import ZeroConvention
from .model_folder import load_tokenizer, loading_error_in_words, usable_folder
from .torch_model import TorchModel, find_end_tokens

IN_BF16 = "torch's 4-bit kernel on the CPU computes in bfloat16, so the model does."


def load_gptq(
    request: LoadRequest, convention: ZeroConvention, progress: Progress, *, wbits: int = 0, groupsize: int = 0
) -> TorchModel:
    """Load what `recognise` knows as GPTQ. 0 for bits or group size: what the tensors say. Raises LoaderError."""
    path = Path(request.path)
    found, files = recognise(path), find_files(path)
    _refuse_other_bits(request, found)
    with usable_folder(path, files.folder, ()) as usable:
        progress("Reading the tokenizer", None)
        tokenizer = load_tokenizer(usable, request.trust_remote_code)
        place = _place(request, found, files)
        progress("Loading weights", None)
        tensors = read_tensors(files.weights)
        model = _empty_model(usable, request, place)
    reading = Reading(
        convention=convention,
        group_size=lambda inputs, groups: _group_size(inputs, groups, groupsize or found.group_size, bool(groupsize)),
        bits=wbits or None,
    )
    fill(model, tensors, reading, progress)
    if place.device.type != "cpu":
        model = model.to(place.device)
    for layer in _layers(model):
        layer.prepare(place.dtype)
    info = _info(str(path), model, found, place, bool(getattr(tokenizer, "chat_template", None)))
    return TorchModel(model, tokenizer, info, find_end_tokens(model, tokenizer))


def _refuse_other_bits(request: LoadRequest, found: GptqCheckpoint) -> None:
    if request.bits not in {16, found.bits}:
        raise LoaderError(
            f"This model is {found.words}, and its weights stay so. Leave {request.bits}-bit loading out."
        )


def _place(request: LoadRequest, found: GptqCheckpoint, files: ModelFiles) -> Place:
    config = files.config or {}
    stored = DTYPES.get(str(config.get("dtype") or config.get("torch_dtype")), torch.float16)
    place = choose_place(request, stored, found.memory_bytes * 8 // int(found.bits or 4))
    if place.device.type == "cpu" and request.dtype == "auto" and found.bits == 4:
        return Place(place.device, torch.bfloat16, (IN_BF16,))
    return place


def _empty_model(folder: Path, request: LoadRequest, place: Place) -> Any:
    trust = request.trust_remote_code
    try:
        config = transformers.AutoConfig.from_pretrained(str(folder), trust_remote_code=trust, local_files_only=True)
        model = skeleton(config, place.dtype, trust)
        if (folder / "generation_config.json").is_file():
            model.generation_config = transformers.GenerationConfig.from_pretrained(str(folder), local_files_only=True)
    except (ValueError, OSError, KeyError, ImportError, RuntimeError, TypeError) as error:
        raise loading_error_in_words(error, folder) from error
    return model


def _group_size(inputs: int, groups: int, wanted: int | None, asked: bool) -> int:
    """The size that gives this layer's number of groups: the wanted one if it does, else that of even groups."""
    if groups == 1 and wanted in {None, -1}:
        return -1
    if wanted and wanted > 0 and -(-inputs // wanted) == groups:
        return wanted
    if asked:
        words = groups_in_words(-(-inputs // groups) if groups > 1 else -1)
        raise LoaderError(
            f"The tensors have {groups} groups for {inputs} inputs ({words}), not {groups_in_words(wanted or -1)}. "
            "Leave groupsize out."
        )
    return -(-inputs // groups)


def _info(path: str, model: Any, found: GptqCheckpoint, place: Place, has_template: bool) -> ModelInfo:
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    layers = _layers(model)
    packed = sum(layer.in_features * layer.out_features for layer in layers)
    return ModelInfo(
        path=path,
        architecture=type(model).__name__,
        dtype=dtype_name(place.dtype),
        bits=layers[0].bits,
        device=str(model.device),
        context_length=int(getattr(config, "max_position_embeddings", 0) or 0),
        vocabulary_size=int(getattr(config, "vocab_size", 0) or 0),
        parameters=int(model.num_parameters()) + packed,
        memory_bytes=int(model.get_memory_footprint()) + sum(layer.kernel_bytes for layer in layers),
        has_template=has_template,
        notes=(*place.notes, *found.remarks),
        versions=versions("torch", "transformers", "peft"),
    )


def _layers(model: Any) -> list[GptqLinear]:
    return [module for module in model.modules() if isinstance(module, GptqLinear)]
