"""A model's decoder layers, run one at a time on what the layers before them gave."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from desktop.api import Unsupported


class _Reached(Exception):
    """The forward has come as far as it needs to."""


@dataclass
class Layer:
    """One decoder layer and what it is called with besides the hidden state."""

    name: str
    module: nn.Module
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)

    def copy(self) -> Layer:
        """A copy to work on, in float32: 16-bit arithmetic is slow on many CPUs, and the base stays untouched."""
        return Layer(self.name, copy.deepcopy(self.module).float(), self.arguments, self.keywords)

    def run(self, hidden: torch.Tensor) -> torch.Tensor:
        """The next hidden state of one block (1, tokens, hidden)."""
        output = self.module(hidden, *self.arguments, **self.keywords)
        result: torch.Tensor = output[0] if isinstance(output, tuple) else output
        return result

    def linears(self) -> dict[str, nn.Linear]:
        """Its linears by their names in the model."""
        found = {f"{self.name}.{name}": module for name, module in self.module.named_modules()}
        return {name: module for name, module in found.items() if type(module) is nn.Linear}


def find_layers(model: Any) -> list[Layer]:
    """The decoder layers in their order. Raises Unsupported where nobody can tell which they are."""
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    count = getattr(config, "num_hidden_layers", None)
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return [Layer(f"{name}.{number}", layer) for number, layer in enumerate(module)]
    raise Unsupported(f"{type(model).__name__} has no list of decoder layers, so it can't be quantised layer by layer.")


@torch.no_grad()
def first_inputs(model: Any, layers: Sequence[Layer], blocks: torch.Tensor) -> list[torch.Tensor]:
    """The first layer's hidden states (1, tokens, hidden) of blocks of tokens (n, tokens), in float32.

    The layers learn what they are called with: masks and positions are the same for all blocks, which are equally
    long and without padding.
    """
    try:
        with _passing_on(layers):
            _run_until(model, layers, layers[-1], blocks[0])
    except (IndexError, TypeError, ValueError, RuntimeError):
        # Older architectures want a tuple of a layer; they get the layers' own answers.
        _run_until(model, layers, layers[-1], blocks[0])
    return [_run_until(model, layers, layers[0], block) for block in blocks]


def _run_until(model: Any, layers: Sequence[Layer], last: Layer, block: torch.Tensor) -> torch.Tensor:
    """Run the model on one block up to a layer; every layer on the way notes its arguments. The first one's input."""
    taken: list[torch.Tensor] = []

    def note(layer: Layer) -> Any:
        def hook(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            rest = dict(keywords)
            taken.append(arguments[0] if arguments else rest.pop("hidden_states"))
            layer.arguments, layer.keywords = _in_float32(arguments[1:]), _in_float32(rest)
            if layer is last:
                raise _Reached

        return layer.module.register_forward_pre_hook(hook, with_kwargs=True)

    hooks = [note(layer) for layer in layers]
    try:
        model(input_ids=block[None].to(model.device), use_cache=False)
    except _Reached:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return taken[0].float()


@contextmanager
def _passing_on(layers: Sequence[Layer]) -> Iterator[None]:
    """For a while the layers compute nothing and give what they get."""
    before = [layer.module.__dict__.get("forward") for layer in layers]

    def same(hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return hidden_states

    for layer in layers:
        layer.module.forward = same
    try:
        yield
    finally:
        for layer, forward in zip(layers, before, strict=True):
            del layer.module.forward
            if forward is not None:
                layer.module.forward = forward


def _in_float32(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: _in_float32(part) for key, part in value.items()}
    if type(value) in {tuple, list}:
        return type(value)(_in_float32(part) for part in value)
    return value


@torch.no_grad()
def find_stages(layer: Layer, hidden: torch.Tensor) -> list[list[str]]:
    """The layer's linears in the order in which they compute, those with the same input together."""
    seen: dict[tuple[int, torch.Size], list[str]] = {}
    inputs: list[torch.Tensor] = []

    def note(name: str, module: nn.Module) -> Any:
        def hook(_: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
            inputs.append(arguments[0])  # kept, so that no later input gets its address
            names = seen.setdefault((arguments[0].data_ptr(), arguments[0].shape), [])
            if name not in names:
                names.append(name)

        return module.register_forward_pre_hook(hook)

    hooks = [note(name, module) for name, module in layer.linears().items()]
    try:
        layer.run(hidden)
    finally:
        for hook in hooks:
            hook.remove()
    return list(seen.values())


@torch.no_grad()
def hessian_of(layer: Layer, linear: nn.Linear, hidden: torch.Tensor, total: torch.Tensor) -> None:
    """Add X^T X of this linear's inputs X for one block to `total` (in, in) float32."""

    def hook(_: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        rows = arguments[0].reshape(-1, arguments[0].shape[-1]).float()
        total.addmm_(rows.T, rows)
        raise _Reached

    handle = linear.register_forward_pre_hook(hook)
    try:
        layer.run(hidden)
    except _Reached:
        pass
    finally:
        handle.remove()
