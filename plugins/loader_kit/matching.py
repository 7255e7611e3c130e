"""Which modules of a model an adapter acts on, and with which scaling; what does not fit is said in words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from desktop.api import AttachReceipt, LoaderError, Lora

from .acting import refuse_infinite, refuse_useless
from .adapter_files import AdapterFiles, Factors
from .config_check import base_name, plain
from .magnitudes import rescale


def match_modules(model: Any, files: AdapterFiles, modules: Mapping[str, Any] | None = None) -> dict[str, Factors]:
    """The adapter's modules that the model has. Raises LoaderError if a shape differs or nothing matches.

    `modules` are the model's by name, for whoever has them already.
    """
    present = dict(model.named_modules()) if modules is None else modules
    _refuse_single_experts(files, present)
    matched = {name: factors for name, factors in files.modules.items() if name in present}
    if not matched:
        example = next(iter(files.modules))
        base = base_name(files.config) or "another model"
        raise LoaderError(
            f"{files.name} does not fit this model: none of its {len(files.modules)} modules "
            f"(such as {plain(example)}) exists here. It was made for {base}."
        )
    misfits = [words for name, row in matched.items() if (words := _misfit(name, row, present[name], files))]
    if misfits:
        base = base_name(files.config)
        words = next((words for words in misfits if " wide, " in words), misfits[0])
        raise LoaderError(f"{files.name} does not fit: {words}." + (f" It was made for {base}." if base else ""))
    refuse_infinite(files.name, files.parts.tensors())
    pairs = [(row.a, row.b, scaling_of(name, files)) for name, row in matched.items()]
    refuse_useless(
        files.name,
        pairs,
        left_out=len(matched) < len(files.modules),
        acts_otherwise=lambda: _acts_otherwise(files, {name: present[name] for name in matched}),
    )
    return matched


def _acts_otherwise(files: AdapterFiles, modules: Mapping[str, Any]) -> bool:
    """Whether it acts by something else than factors: a DoRA's magnitudes, biases, whole modules, trained tokens."""
    if files.parts.tensors():
        return True
    return files.kind == "DoRA" and rescale(files.tensors, modules)


def _refuse_single_experts(files: AdapterFiles, present: Mapping[str, Any]) -> None:
    """Raise LoaderError for factors of experts that this model keeps in one tensor: the rest alone would be wrong."""
    for name in files.modules:
        experts = re.match(r"(.+\.experts)\.\d+\.", name)
        if experts and name not in present and experts[1] in present:
            raise LoaderError(
                f"{files.name} has factors for single experts (such as {name}), but this model keeps its experts in "
                "one tensor, where they can't be attached and removed exactly. Choose an adapter of the attention only."
            )


def make_receipt(lora: Lora, files: AdapterFiles, matched: Mapping[str, Factors]) -> AttachReceipt:
    """What is known before anything is attached; bytes and milliseconds are left to who attaches."""
    unmatched = len(files.modules) - len(matched)
    return AttachReceipt(
        id=lora.id,
        name=lora.name,
        kind=files.kind,
        rank=max(factors.rank for factors in matched.values()),
        alpha=float(files.config.get("lora_alpha", 8)),
        weight=lora.effective_weight,
        modules_matched=len(matched),
        modules_targeted=len(files.modules),
        tensors_unused=files.unused + tuple(name for name in files.modules if name not in matched),
        notes=(f"{unmatched} of its modules are not in this model and were left out.",) if unmatched else (),
    )


def _misfit(name: str, factors: Factors, module: Any, files: AdapterFiles) -> str:
    """Why the factors of one module can't act on the model's module of that name; "" if they can."""
    base = getattr(module, "base_layer", module)
    sizes = linear_sizes(base)
    short = name.rpartition(".")[2]
    if sizes is None:
        return f"{name} is no linear layer in this model"
    if factors.embedding != ("num_embeddings" in base.__dict__):
        return f"its {short} is {'an embedding' if factors.embedding else 'a linear layer'}, this model's is none"
    if factors.a.dim() != 2 or factors.b.dim() != 2:
        return f"its {short} holds the factors of a convolution"
    # An embedding's factors are (rank, vocabulary) and (width, rank).
    wide, out = factors.a.shape[1], factors.b.shape[0]
    if wide != sizes[0]:
        return f"its {short} is {wide} wide, this model has {sizes[0]}"
    if out != sizes[1]:
        return f"its {short} gives {out} values, this model's gives {sizes[1]}"
    expected = files.ranks.of(name, files.config.get("r", 8))
    if factors.rank != expected:
        return f"its configuration says rank {expected} for {name}, its factors have {factors.rank}; it is damaged"
    return ""


def linear_sizes(module: Any) -> tuple[int, int] | None:
    """(in, out) of a module LoRA can act on, None for any other. Embeddings count as (vocabulary, width)."""
    for names in (("in_features", "out_features"), ("num_embeddings", "embedding_dim")):
        if all(isinstance(getattr(module, name, None), int) for name in names):
            return (getattr(module, names[0]), getattr(module, names[1]))
    weight = getattr(module, "weight", None)
    if type(module).__name__ == "Conv1D" and weight is not None:
        return (weight.shape[0], weight.shape[1])
    return None


def scaling_of(name: str, files: AdapterFiles) -> float:
    """alpha / r, or alpha / sqrt(r) for rsLoRA (arXiv 2106.09685 section 4.1, 2312.03732)."""
    alpha = float(files.alphas.of(name, files.config.get("lora_alpha", 8)))
    rank = files.modules[name].rank
    return alpha / (math.sqrt(rank) if files.config.get("use_rslora") else rank)
