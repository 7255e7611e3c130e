"""Writes an adapter as a GGUF LoRA file, as llama.cpp and what stands on it read.

llama.cpp scales every module by `adapter.lora.alpha / rank of its factors` and knows neither rsLoRA nor patterns: what
a module's own scale differs by is multiplied into its B. In models of the Llama family the rows of q and k stand in
another order there (rotary halves beside one another), so the rows of their B are put into that order.
"""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from desktop.api import LoaderError
from desktop.api.checkpoints import ADAPTER_JSON_LIMIT, TensorHeader, read_json

from .adapter_tensors import Array, read_adapter_tensors
from .factors import pair_factors
from .fit import PREFIX
from .names import CONFIG

ARCHITECTURES = {
    "llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma": "gemma", "gemma2": "gemma2",
    "gemma3_text": "gemma3", "phi3": "phi3", "starcoder2": "starcoder2",
}  # fmt: skip
"""GGUF's name of the architecture by `model_type`: those whose linear layers GGUF keeps as they are."""
PERMUTED = {"llama", "mistral"}
"""Those of them whose q and k rows GGUF keeps in another order."""


class GgufModule(msgspec.Struct, frozen=True):
    """One module in the file."""

    name: str
    """As GGUF names the base's tensor, such as `blk.0.attn_q.weight`."""
    a: Array
    """Shape (rank, in)."""
    b: Array
    """Shape (out, rank)."""


class GgufLora(msgspec.Struct, frozen=True):
    """What is written."""

    architecture: str
    alpha: float
    modules: tuple[GgufModule, ...]


def export_gguf_lora(adapter: Path, base: Path, target: Path, weight: float = 1.0) -> int:
    """Write the adapter of a folder for the base of a folder; bytes written. Raises LoaderError; then nothing is there.

    `weight` is multiplied in. Nothing that exists is overwritten.
    """
    if target.exists():
        raise LoaderError(f"{target} exists already. Choose another name; nothing was overwritten.")
    lora = convert(adapter, base, weight)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise LoaderError(f"{target} can't be written ({error.strerror}).") from error
    temporary = Path(name)
    try:
        _write(lora, temporary, adapter.name)
        temporary.replace(target)
    except OSError as error:
        raise LoaderError(f"{target} can't be written ({error.strerror}). Free some space and try again.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target.stat().st_size


def convert(adapter: Path, base: Path, weight: float = 1.0) -> GgufLora:
    """The adapter in GGUF's names, order of rows and scale. Raises LoaderError for what the format can't hold."""
    config = read_json(adapter / CONFIG, ADAPTER_JSON_LIMIT)
    _refuse_kinds(config, adapter.name)
    model = read_json(base / "config.json")
    kind = str(model.get("model_type"))
    if kind not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise LoaderError(f"How GGUF keeps the weights of {kind!r} is not known here; it is of: {known}.")
    factors = _factors(adapter)
    rank = int(_number(config, "r", adapter))
    alpha = _scale(config, _number(config, "lora_alpha", adapter), rank) * rank
    names = _Names(ARCHITECTURES[kind], int(model.get("num_hidden_layers") or 0))
    modules = []
    for module, (a, b) in sorted(factors.items()):
        times = _scale(config, _alpha(config, module, adapter), len(a)) * len(a) / alpha * weight
        if kind in PERMUTED and module.endswith(("q_proj", "k_proj")):
            b = permute(b, _heads(model, module))
        # An exact 1 leaves every bit as it is.
        modules.append(GgufModule(names.of(module, model), a, b if times == 1.0 else (b * times).astype(np.float32)))
    return GgufLora(ARCHITECTURES[kind], float(alpha), tuple(modules))


def permute(rows: Array, heads: int) -> Array:
    """Rows of q or k from halves that are rotated together to pairs side by side."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def unpermute(rows: Array, heads: int) -> Array:
    """Undoes `permute`."""
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


class _Names:
    """GGUF's names of modules."""

    def __init__(self, architecture: str, layers: int) -> None:
        import gguf

        arch = next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
        self._map = gguf.get_tensor_name_map(arch, layers)

    def of(self, module: str, model: dict[str, Any]) -> str:
        """The base's tensor. Raises LoaderError where the format has none."""
        if module == "lm_head" and model.get("tie_word_embeddings"):
            raise LoaderError("It changes lm_head, which a GGUF of this base has not: it uses the embeddings twice.")
        name: str | None = self._map.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if name is None:
            raise LoaderError(f"GGUF has no name for the module {module} of this base. Is it an adapter for it?")
        return name


def _factors(adapter: Path) -> dict[str, tuple[Array, Array]]:
    tensors = read_adapter_tensors(adapter)
    pairs = pair_factors([TensorHeader(name, "F32", value.shape, value.nbytes) for name, value in tensors.items()])
    if pairs.problems or pairs.unused:
        what = pairs.problems[0] if pairs.problems else f"It holds {pairs.unused[0]}, which GGUF can't hold."
        raise LoaderError(f"{adapter.name}: {what}")
    found: dict[str, dict[str, Array]] = {}
    for name, value in tensors.items():
        module, _, side = name.removeprefix(PREFIX).partition(".lora_")
        if value.ndim != 2 or not side.startswith(("A.", "B.")):
            raise LoaderError(f"{adapter.name}: GGUF LoRA files hold linear layers only, not {name}.")
        found.setdefault(module, {})[side[0]] = value
    return {module: (sides["A"], sides["B"]) for module, sides in found.items()}


def _refuse_kinds(config: dict[str, Any], name: str) -> None:
    refused = {
        "use_dora": "DoRA", "lora_bias": "LoRA with biases", "modules_to_save": "whole trained modules",
        "trainable_token_indices": "trained tokens", "alora_invocation_tokens": "an activated LoRA",
    }  # fmt: skip
    found = [words for field, words in refused.items() if config.get(field)]
    if config.get("bias", "none") != "none":
        found.append("trained biases")
    if config.get("peft_type") != "LORA":
        found.append(str(config.get("peft_type")))
    if found:
        raise LoaderError(f"{name} is or has {found[0]}, which a GGUF LoRA file can't hold.")


def _number(config: dict[str, Any], field: str, adapter: Path) -> float:
    value = config.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise LoaderError(f"{adapter.name}: {field} in its {CONFIG} is {value!r} where a number is due.")
    return value


def _scale(config: dict[str, Any], alpha: float, rank: int) -> float:
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _alpha(config: dict[str, Any], module: str, adapter: Path) -> float:
    patterns = config.get("alpha_pattern") or {}
    for key, value in patterns.items():
        if not key.replace("_", "").replace(".", "").replace("-", "").isalnum():
            raise LoaderError(
                f"{adapter.name}: its alpha_pattern has the expression {key!r}. Write it with plain names first: "
                f"`lora-deck export --lora {adapter.name} -o NAME`."
            )
        if module == key or module.endswith(f".{key}"):
            return _number({"alpha_pattern": value}, "alpha_pattern", adapter)
    return _number(config, "lora_alpha", adapter)


def _heads(model: dict[str, Any], module: str) -> int:
    heads = model.get("num_attention_heads")
    if module.endswith("k_proj"):
        heads = model.get("num_key_value_heads") or heads
    if not isinstance(heads, int) or heads < 1:
        raise LoaderError("The base's config.json doesn't say how many attention heads it has.")
    return heads


def _write(lora: GgufLora, path: Path, name: str) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, lora.architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_name(name)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, lora.alpha)
    for module in lora.modules:
        writer.add_tensor(f"{module.name}.lora_a", np.ascontiguousarray(module.a))
        writer.add_tensor(f"{module.name}.lora_b", np.ascontiguousarray(module.b))
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
