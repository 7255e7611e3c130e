"""What a base model's files are, judged from JSON files and headers alone; the weights are never read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import LoaderError
from desktop.api.checkpoints import TensorHeader, read_json, read_safetensors_header, weight_files

from .gguf_header import read_gguf_header
from .places import is_lfs_pointer

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
"""What weight files end in."""

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_WIDTH = {"float64": 64, "float32": 32, "float16": 16, "bfloat16": 16}
_NAMES = {"gptq": "GPTQ", "awq": "AWQ", "exl2": "EXL2", "exl3": "EXL3", "bitsandbytes": "bitsandbytes", "hqq": "HQQ"}
# Files beside the weights that end like weights, and hidden ones.
_NO_WEIGHTS = re.compile(r"^(\.|training_args|optimizer|scheduler|rng_state|adapter_model|tokenizer)", re.IGNORECASE)
_BITS_IN_NAME = re.compile(r"(\d)-?bit", re.IGNORECASE)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A base model in words and numbers."""

    format: str = ""
    architecture: str = ""
    parameters: int | None = None
    """None where counting them would mean reading more than headers."""
    dtype: str = ""
    bits: int | float | None = None
    """Bits of a weight as stored."""


def files_of(path: Path) -> list[Path]:
    """The weight files of a model folder or of a single file, as a loader opens them. Raises LoaderError, OSError."""
    if not path.is_dir():
        return [path]
    others = sorted(
        file
        for file in path.iterdir()
        if file.suffix.lower() in WEIGHTS and not _NO_WEIGHTS.match(file.name) and file.is_file()
    )
    try:
        return weight_files(path) or others
    except LoaderError:
        # Many a quantised file lies beside the index of the original's shards, which nobody downloaded.
        quantised = [file for file in others if _BITS_IN_NAME.search(file.stem)]
        if not quantised:
            raise
        return quantised


def judge(path: Path, files: Sequence[Path]) -> Judgement:
    """What a model folder or a single file is. Raises LoaderError where it is incomplete or broken."""
    for file in files:
        refuse_empty(file)
    if files and files[0].suffix.lower() == ".gguf":
        return _judge_gguf(files[0])
    folder = path if path.is_dir() else path.parent
    safe = [file for file in files if file.suffix.lower() == ".safetensors"]
    tensors = [tensor for file in safe for tensor in read_safetensors_header(file)]
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise LoaderError("This is a LoRA adapter, not a base model. Move it to the folder of the adapters.")
        raise LoaderError(f"There is no config.json in {folder}, so nobody can say what the model is.")
    config = read_json(folder / "config.json")
    if not files:
        raise LoaderError(f"There are no weights in {folder}. Download the model again.")
    return _judge_config(folder, config, files, tensors)


def refuse_empty(file: Path) -> None:
    """Raise LoaderError where a file holds no weights at all: empty, or git's note of where they are."""
    try:
        size = file.stat().st_size
        pointer = is_lfs_pointer(file, size)
    except OSError as error:
        raise LoaderError(f"{file} can't be read ({error.strerror}).") from error
    if size == 0:
        raise LoaderError(f"{file} is empty. Download it again.")
    if pointer:
        raise LoaderError(f"{file} is only git's pointer to the weights. Run `git lfs pull` or download it again.")


def _judge_gguf(file: Path) -> Judgement:
    header = read_gguf_header(file)
    return Judgement(format=f"GGUF {header.quantisation}".rstrip(), architecture=header.architecture, bits=header.bits)


def _judge_config(
    folder: Path, config: dict[str, Any], files: Sequence[Path], tensors: Sequence[TensorHeader]
) -> Judgement:
    words, bits = _quantised(folder, config, files, tensors)
    dtype = str(config.get("dtype") or config.get("torch_dtype") or _commonest_dtype(tensors)).removeprefix("torch.")
    names = config.get("architectures")
    architecture = names[0] if isinstance(names, list) and names else config.get("model_type", "")
    if words:
        return Judgement(format=words, architecture=str(architecture), dtype=dtype, bits=bits)
    kind = "safetensors" if files[0].suffix.lower() == ".safetensors" else files[0].suffix.lower()
    stored = _commonest_dtype(tensors) or dtype
    return Judgement(
        format=f"Transformers {kind}",
        architecture=str(architecture),
        parameters=sum(prod(tensor.shape) for tensor in tensors) or None,
        dtype=dtype,
        bits=_WIDTH.get(stored),
    )


def _quantised(
    folder: Path, config: dict[str, Any], files: Sequence[Path], tensors: Sequence[TensorHeader]
) -> tuple[str, int | float | None]:
    """The quantisation in words, empty where there is none, and its bits."""
    settings = config.get("quantization_config")
    if not isinstance(settings, dict) and (folder / "quantize_config.json").is_file():
        settings = {"quant_method": "gptq"} | read_json(folder / "quantize_config.json")
    if isinstance(settings, dict):
        # AutoGPTQ's own configuration has no quant_method; MLX leaves it out too and says "quantization" as well.
        method = str(settings.get("quant_method") or ("MLX" if "quantization" in config else "gptq"))
        bits = _declared_bits(settings)
        group = settings.get("group_size")
        words = f"{_NAMES.get(method.lower(), method)} {f'{bits:g}-bit' if bits else ''}".strip()
        return words + (f", group size {group}" if isinstance(group, int) and group > 0 else ""), bits
    if any(tensor.name.endswith(".q_weight") for tensor in tensors):
        return "EXL2", None
    packed = next((tensor for tensor in tensors if tensor.name.endswith(".qweight")), None)
    named = _BITS_IN_NAME.search(files[0].stem)
    if packed is not None:
        bits = _packed_bits(packed, tensors) or (int(named[1]) if named else None)
        return f"GPTQ-for-LLaMa{f' {bits}-bit' if bits else ''}", bits
    # A pickle is not opened here: old quantised .pt files are known by their names only.
    if named and not tensors:
        return f"GPTQ-for-LLaMa {named[1]}-bit", int(named[1])
    return "", None


def _declared_bits(settings: dict[str, Any]) -> int | float | None:
    if settings.get("load_in_4bit"):
        return 4
    if settings.get("load_in_8bit"):
        return 8
    bits = settings.get("bits", settings.get("w_bit"))
    # JSON's true is an int to Python.
    return bits if isinstance(bits, int | float) and not isinstance(bits, bool) and 0 < bits <= 64 else None


def _packed_bits(packed: TensorHeader, tensors: Sequence[TensorHeader]) -> int | None:
    """Bits from the shapes: `qzeros` holds as many zero points a row as `qweight` has columns, 32 bits a number."""
    wanted = packed.name.removesuffix("qweight") + "qzeros"
    zeros = next((tensor for tensor in tensors if tensor.name == wanted), None)
    if zeros is None or len(zeros.shape) != 2 or len(packed.shape) != 2 or not packed.shape[1]:
        return None
    return 32 * zeros.shape[1] // packed.shape[1] or None


def _commonest_dtype(tensors: Sequence[TensorHeader]) -> str:
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.dtype] += tensor.bytes
    (most,) = sizes.most_common(1) or [("", 0)]
    return _DTYPES.get(most[0], most[0])
