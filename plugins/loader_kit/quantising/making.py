"""The verb: quantise what is loaded and write it into a new folder, whole or not at all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from desktop.api import LoaderError, Progress, QuantizeReport, QuantizeRequest, Unsupported
from loader_kit.exporting import staged
from loader_kit.folding import FOLDABLE

from .calibration import read_blocks
from .layers import find_layers
from .packing import pack, refuse_odd_sizes
from .scheme import Scheme, scheme_of
from .walking import Walk
from .writing import kept_tensors, refuse_full_disk, write_configs, write_tokenizer, write_weights

ALREADY = (
    "This model is quantised already. Load the original in 16 or 32 bits, without --load-in-8bit and --load-in-4bit, "
    "and quantise that."
)

FEW = 8_000
"""Tokens of calibration text below which the user is told that more would help."""


def quantise(model: Any, tokenizer: Any, source: Path, request: QuantizeRequest, progress: Progress) -> QuantizeReport:
    """Write a GPTQ copy of a model without adapters that was read from `source`; the model stays what it is.

    Raises LoaderError in words; whatever is raised, by `progress` too, leaves nothing behind.
    """
    begun = time.monotonic()
    target, scheme = Path(request.folder), scheme_of(request)
    if target.exists():
        raise LoaderError(f"{target} exists already. Choose another name with --output; nothing was overwritten.")
    linears = _linears(model)
    kept = kept_tensors(model, linears)
    refuse_full_disk(target, kept, linears, scheme)
    context = int(getattr(model.config, "max_position_embeddings", 0) or 0)
    blocks = read_blocks(request.calibration, tokenizer, context, request.samples)
    try:
        with staged(target) as folder:
            walk = Walk(model, scheme, progress)
            tensors = dict(kept)
            for name, quantised in walk.run(blocks):
                tensors |= {f"{name}.{key}": tensor for key, tensor in pack(quantised, scheme.bits).items()}
            progress("Writing the quantised model", None)
            size = write_weights(folder, tensors)
            write_configs(folder, model, scheme)
            write_tokenizer(folder, source, tokenizer)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise LoaderError(f"{target} can't be written ({why}). Free some space, or choose another folder.") from error
    return QuantizeReport(
        folder=str(target),
        bytes_before=sum(tensor.numel() * tensor.element_size() for tensor in kept.values())
        + sum(linear.weight.numel() * linear.weight.element_size() for linear in linears.values()),
        bytes_after=size,
        seconds=time.monotonic() - begun,
        tokens=blocks.numel(),
        layers=tuple(walk.errors),
        notes=tuple(_notes(linears, scheme, blocks, walk.unseen)),
    )


def _linears(model: Any) -> dict[str, nn.Linear]:
    """The linears of the decoder layers. Raises Unsupported where they can't be quantised."""
    if getattr(model.config, "quantization_config", None) is not None:
        raise Unsupported(ALREADY)
    linears = {name: linear for layer in find_layers(model) for name, linear in layer.linears().items()}
    if not linears:
        raise Unsupported(
            f"The layers of {type(model).__name__} have no plain linears, so GPTQ has nothing to quantise."
        )
    for name, linear in linears.items():
        if linear.weight.dtype not in FOLDABLE or linear.weight.is_meta:
            raise Unsupported(
                f"The weights of {name} are not in memory in 16 or 32 bits, so they can't be quantised. Load the model "
                "whole and unquantised."
            )
    refuse_odd_sizes(linears)
    return linears


def _notes(linears: dict[str, nn.Linear], scheme: Scheme, blocks: torch.Tensor, unseen: list[str]) -> list[str]:
    notes = []
    if blocks.numel() < FEW:
        notes.append(f"The calibration text has {blocks.numel():,} tokens; 10,000 and more make the copy more exact.")
    odd = sorted(
        {linear.in_features for linear in linears.values() if linear.in_features % scheme.group_of(linear.in_features)}
    )
    if odd:
        sizes = ", ".join(map(str, odd))
        notes.append(
            f"Groups of {scheme.group_size} don't divide {sizes} inputs, so the last group is smaller, which some GPU "
            "kernels refuse. A group size of 32 suits them all."
        )
    if unseen:
        notes.append(
            f"The calibration text never reached {len(unseen)} linears (such as {unseen[0]}); they were rounded to the "
            "nearest."
        )
    return notes
