"""Loads a GPTQ checkpoint with GPTQModel's or AutoGPTQ's kernels. Adapters go through the kit's own stack all the same.

Both read more than one configuration and change other libraries when they are imported, so they get a folder of links
with what they should read, and run in an engine process alone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from desktop.api import LoaderError, LoadRequest, ModelInfo, Progress
from desktop.api.checkpoints import read_json
from loader_kit.devices import choose_device, dtype_name, versions
from loader_kit.folder_repair import make_view, repaired_files
from loader_kit.gptq_checkpoint import GptqCheckpoint
from loader_kit.gptq_files import find_files
from loader_kit.gptq_model import read_tensors
from loader_kit.model_folder import first_line, load_tokenizer
from loader_kit.torch_model import TorchModel, find_end_tokens

from .engines import is_strange
from .kernel_linear import KernelLinear, wrap_kernels

TITLES = {"gptqmodel": "GPTQModel", "auto_gptq": "AutoGPTQ"}


def load_foreign(engine: str, request: LoadRequest, found: GptqCheckpoint, progress: Progress) -> TorchModel:
    """Load with one of the two. Raises LoaderError in words."""
    if request.bits not in {16, found.bits}:
        raise LoaderError(
            f"This model is {found.words}, and its weights stay so. Leave {request.bits}-bit loading out."
        )
    device = choose_device(request.device)
    dtype = _dtype(engine, request, device)
    title = TITLES[engine]
    with tempfile.TemporaryDirectory(prefix="lora-deck-", ignore_cleanup_errors=True) as view:
        folder = _fill_view(Path(view), Path(request.path), found, engine)
        progress("Reading the tokenizer", None)
        tokenizer = load_tokenizer(folder, request.trust_remote_code)
        progress(f"Loading weights with {title}", None)
        opened = _with_gptqmodel if engine == "gptqmodel" else _with_auto_gptq
        try:
            model = opened(folder, device, dtype, request.trust_remote_code)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # two programs with errors of every kind, the import of a broken one included
            raise LoaderError(
                f"{title} can't load this model: {first_line(error)}. Set engine=ours to load it without {title}."
            ) from error
    model.eval().requires_grad_(False)
    if not wrap_kernels(model):
        raise LoaderError(f"{title} made no quantised layer of this model. Set engine=ours to load it without {title}.")
    info = _info(engine, request.path, model, found, dtype, bool(getattr(tokenizer, "chat_template", None)))
    return TorchModel(model, tokenizer, info, find_end_tokens(model, tokenizer))


def _dtype(engine: str, request: LoadRequest, device: torch.device) -> torch.dtype:
    if request.dtype != "auto":
        dtype: torch.dtype = getattr(torch, request.dtype)
        return dtype
    if device.type == "cuda":
        return torch.float16
    # On the CPU AutoGPTQ unpacks and multiplies; GPTQModel's kernels take 16 bits.
    return torch.float32 if engine == "auto_gptq" else torch.bfloat16


def _fill_view(view: Path, path: Path, found: GptqCheckpoint, engine: str) -> Path:
    files = find_files(path)
    says = files.quantisation or {}
    repaired = repaired_files(files.folder)
    config = dict(repaired.get("config.json") or read_json(files.folder / "config.json"))
    plain: dict[str, Any] = {
        "bits": int(found.bits or 4),
        "group_size": found.group_size or -1,
        "desc_act": bool(found.act_order),
        "sym": bool(says.get("sym", False)),
        "damp_percent": 0.01,
        "true_sequential": True,
    }
    if found.packing != "gptq":
        plain["checkpoint_format"] = found.packing
    if says.get("meta"):
        # By the program that wrote it GPTQModel knows how zero points are stored.
        plain["meta"] = says["meta"]
    elif engine == "gptqmodel" and is_strange(found, says):
        # This one's zero points mean to it what they mean to everybody; it knows only its own mark for that.
        plain["meta"] = {"quantizer": ["gptqmodel:0.9.0"]}
    config["quantization_config"] = plain | {"quant_method": "gptq"}
    repaired |= {"config.json": config, "quantize_config.json": plain}
    make_view(files.folder, found.files, repaired, view)
    return view


def _with_gptqmodel(folder: Path, device: torch.device, dtype: torch.dtype, trust: bool) -> Any:
    if shutil.which("c++") is None and shutil.which("g++") is None and shutil.which("cl") is None:
        # One of its kernels would be compiled at the first pass.
        os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
    from gptqmodel import BACKEND, GPTQModel

    loaded = GPTQModel.load(
        str(folder), device=_device_name(device), dtype=dtype, backend=BACKEND.AUTO, trust_remote_code=trust
    )
    return loaded.model


def _with_auto_gptq(folder: Path, device: torch.device, dtype: torch.dtype, trust: bool) -> Any:
    kept = {name: getattr(torch.nn.init, name) for name in ("kaiming_uniform_", "uniform_", "normal_")}
    try:
        from auto_gptq import AutoGPTQForCausalLM

        loaded = AutoGPTQForCausalLM.from_quantized(
            str(folder),
            device=_device_name(device),
            torch_dtype=dtype,
            use_safetensors=True,
            use_triton=False,
            disable_exllama=device.type != "cuda",
            disable_exllamav2=True,
            trust_remote_code=trust,
        )
    finally:
        # It replaces these by nothing for the whole process.
        for name, function in kept.items():
            setattr(torch.nn.init, name, function)
    _read_plain(loaded.model, folder)
    return loaded.model


def _read_plain(model: Any, folder: Path) -> None:
    """Read embeddings, norms and heads again: AutoGPTQ leaves an embedding that is the head as well unread."""
    tensors = read_tensors(tuple(sorted(folder.glob("*.safetensors"))))
    with torch.no_grad():
        for name, parameter in model.named_parameters(remove_duplicate=False):
            if name in tensors:
                parameter.copy_(tensors[name])
    model.tie_weights()


def _device_name(device: torch.device) -> str:
    return f"cuda:{device.index or 0}" if device.type == "cuda" else device.type


def _info(
    engine: str, path: str, model: Any, found: GptqCheckpoint, dtype: torch.dtype, has_template: bool
) -> ModelInfo:
    kernels = [module for module in model.modules() if isinstance(module, KernelLinear)]
    packed = sum(kernel.in_features * kernel.out_features for kernel in kernels)
    kinds = sorted({type(kernel.kernel).__name__ for kernel in kernels})
    config = model.config
    device = kernels[0].weight.device
    return ModelInfo(
        path=path,
        architecture=type(model).__name__,
        dtype=dtype_name(dtype),
        bits=int(found.bits or 4),
        device=str(device),
        context_length=int(getattr(config, "max_position_embeddings", 0) or 0),
        vocabulary_size=int(getattr(config, "vocab_size", 0) or 0),
        parameters=packed + sum(tensor.numel() for tensor in model.parameters() if tensor.is_floating_point()),
        memory_bytes=int(model.get_memory_footprint()),
        has_template=has_template,
        notes=(f"Computed by {TITLES[engine]} ({', '.join(kinds)}).", *found.remarks),
        versions=versions("gptqmodel", "auto-gptq", "torch", "transformers"),
    )
