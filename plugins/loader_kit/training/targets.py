"""Which modules of a model get factors, and how to name them in an adapter's configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch

from desktop.api import LoaderError
from loader_kit.matching import linear_sizes

_ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)


def linears(model: Any) -> dict[str, Any]:
    """Every linear of the decoder by module name: all but the one that gives the logits."""
    head = model.get_output_embeddings()
    return {
        name: module
        for name, module in model.named_modules()
        if module is not head and not isinstance(module, torch.nn.Embedding) and linear_sizes(module) is not None
    }


def choose_targets(model: Any, targets: str | tuple[str, ...]) -> dict[str, Any]:
    """The modules asked for, by name, in the model's order. Raises LoaderError for a name that stands for none."""
    found = linears(model)
    if targets == "all-linear":
        chosen = found
    elif targets == "attention":
        # The attention's own linears lie in a module called after it, in every architecture of transformers.
        chosen = {name: module for name, module in found.items() if _ATTENTION.search(name.rpartition(".")[0])}
    else:
        asked = (targets,) if isinstance(targets, str) else targets
        head = {name: module for name, module in model.named_modules() if module is model.get_output_embeddings()}
        every = {**found, **head}
        for one in asked:
            if not any(_stands_for(one, name) for name in every):
                raise LoaderError(
                    f"This model has no linear called {one!r}. It has {', '.join(short_names(found))}; choose among "
                    "those, or all-linear."
                )
        chosen = {name: module for name, module in every.items() if any(_stands_for(one, name) for one in asked)}
    if not chosen:
        raise LoaderError("This model has no linears of that kind. Choose all-linear, or name the modules.")
    return chosen


def short_names(names: Iterable[str]) -> list[str]:
    """Last parts of module names, each once."""
    return sorted({name.rpartition(".")[2] for name in names})


def target_modules(model: Any, chosen: Iterable[str]) -> list[str]:
    """The shortest names that stand for exactly the chosen modules where PEFT reads them."""
    chosen = set(chosen)
    short = short_names(chosen)
    meant = {name for name, _ in model.named_modules() if any(_stands_for(one, name) for one in short)}
    return short if meant == chosen else sorted(chosen)


def _stands_for(asked: str, name: str) -> bool:
    return name == asked or name.endswith(f".{asked}")
