"""The optimisers a run can have, and their state as plain tensors."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch

from desktop.api import LoaderError, TrainSettings


def make_optimizer(settings: TrainSettings, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
    """The one the settings name. Raises LoaderError where it can't be had."""
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay)
    if settings.optimizer == "adamw":
        fused = all(parameter.device.type in {"cpu", "cuda"} for parameter in parameters)
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=fused)
    if find_spec("bitsandbytes") is None:
        raise LoaderError(
            "The optimiser adamw8bit needs the package bitsandbytes, which is not installed here. Install it with "
            "`pip install bitsandbytes`, or take adamw."
        )
    from bitsandbytes.optim import AdamW8bit

    optimizer: torch.optim.Optimizer = AdamW8bit(parameters, lr=rate, weight_decay=decay)
    return optimizer


def optimizer_tensors(optimizer: torch.optim.Optimizer, parameters: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Its state on the CPU, by the parameter's number and the state's name; numbers become tensors."""
    found = {}
    for at, parameter in enumerate(parameters):
        for name, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, int | float):
                value = torch.tensor(value, dtype=torch.int64 if isinstance(value, int) else torch.float64)
            if isinstance(value, torch.Tensor):
                # A copy: bitsandbytes shares one table among all parameters, and safetensors takes no shared memory.
                found[f"{at}.{name}"] = value.detach().to("cpu", copy=True).contiguous()
    return found


def restore_optimizer(
    optimizer: torch.optim.Optimizer, parameters: Sequence[torch.Tensor], tensors: dict[str, torch.Tensor]
) -> None:
    """Give it the state of a checkpoint back."""
    for key, value in tensors.items():
        at, _, name = key.partition(".")
        parameter = parameters[int(at)]
        state: dict[str, Any] = optimizer.state[parameter]
        if value.dim() == 0 and isinstance(optimizer, torch.optim.AdamW):
            # Torch's own step counter, a tensor where the kernel that is fused wants it.
            state[name] = value.to(parameter.device if optimizer.defaults.get("fused") else "cpu")
        elif value.dim() == 0:
            state[name] = value.item()
        else:
            state[name] = value.to(parameter.device)
