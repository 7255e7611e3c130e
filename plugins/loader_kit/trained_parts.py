"""What an adapter's file holds besides factors: biases, whole trained modules, trained rows of an embedding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import torch

from desktop.api import LoaderError

_PREFIX = r"^(?:base_model\.model\.)?(?P<module>.+?)"
_LORA_BIAS = re.compile(_PREFIX + r"\.lora_B(?:\.[^.]+)?\.bias$")
_ROWS = re.compile(_PREFIX + r"\.token_adapter\.trainable_tokens_delta(?:\.[^.]+)?$")
_PARAMETER = re.compile(_PREFIX + r"(?:\.modules_to_save(?:\.[^.]+)?)?\.(?P<parameter>weight|bias)$")
_TRAINING_ONLY = (".lora_velora_embed", ".lora_monteclora_sampler.")
"""What VeLoRA and MonteCLoRA keep for further training; an answer is computed without it."""
_COPY_OF_THE_BASE = re.compile(r"\.(?:base_layer\.weight|original_module\.[^.]+)$")


class TrainedParts(msgspec.Struct, frozen=True):
    """All of it by the name of the module, as the base model names its modules."""

    lora_biases: dict[str, torch.Tensor] = {}
    """The bias of a factor B (`lora_bias`): scaled like the factors."""
    parameters: dict[str, dict[str, torch.Tensor]] = {}
    """Trained weights and biases that stand in place of the base's (`modules_to_save`, `bias`, a resized embedding)."""
    rows: dict[str, torch.Tensor] = {}
    """Trained rows of an embedding (`trainable_token_indices`)."""

    def tensors(self) -> list[torch.Tensor]:
        """All of them."""
        whole = [tensor for parameters in self.parameters.values() for tensor in parameters.values()]
        return [*self.lora_biases.values(), *whole, *self.rows.values()]


def find_trained_parts(
    tensors: Mapping[str, torch.Tensor], left: Iterable[str]
) -> tuple[TrainedParts, tuple[str, ...]]:
    """The parts among the tensors that are no factors, and the names of those that are nothing of the sort."""
    parts = TrainedParts({}, {}, {})
    unused = []
    for key in left:
        if match := _LORA_BIAS.match(key):
            parts.lora_biases[match["module"]] = tensors[key]
        elif match := _ROWS.match(key):
            parts.rows[match["module"]] = tensors[key]
        elif not _COPY_OF_THE_BASE.search(key) and ".lora_" not in key and (match := _PARAMETER.match(key)):
            module = match["module"].removesuffix(".base_layer")
            parts.parameters.setdefault(module, {})[match["parameter"]] = tensors[key]
        else:
            unused.append(key)
    return parts, tuple(unused)


def refuse_unknown_factors(left: Iterable[str], name: str) -> None:
    """Raise LoaderError if a tensor belongs to a kind of LoRA that came after this program."""
    for key in left:
        if ".lora_" in key and not any(words in key for words in _TRAINING_ONLY):
            raise LoaderError(
                f"{name} holds {key}, which is no part of a LoRA that this program knows. "
                "It was made by a newer PEFT or by another program; get it as a plain LoRA."
            )


def tokens_of(module: str, config: Mapping[str, Any]) -> list[int]:
    """Which tokens the trained rows of a module stand for, by PEFT's rule."""
    indices = config.get("trainable_token_indices") or []
    if isinstance(indices, Mapping):
        return next((list(row) for key, row in indices.items() if f".{module}".endswith(f".{key}")), [])
    return list(indices)
