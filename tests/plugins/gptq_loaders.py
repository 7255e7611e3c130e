"""Loads GPTQ checkpoints as an engine would, and makes the plain model that one must agree with."""

from __future__ import annotations

import copy

import torch

from desktop.api import LoadRequest
from loader_kit.gptq_linear import GptqLinear

LOADERS = ("autogptq", "gptq_llama")


def load_with(loader, path, **request):
    """The model, loaded by that loader's own code."""
    from importlib import import_module

    load_model = import_module(f"{loader}_loader.loading").load_model
    return load_model(LoadRequest(path=str(path), **request), lambda step, fraction=None: None)


def plain_twin(model):
    """A copy with plain linears in the place of the quantised ones, in float32."""
    twin = copy.deepcopy(model).float()
    for name, module in list(twin.named_modules()):
        if isinstance(module, GptqLinear):
            biased = module.bias is not None
            plain = torch.nn.Linear(module.in_features, module.out_features, bias=biased, device="meta")
            plain.weight = torch.nn.Parameter(module.dequantise().contiguous(), requires_grad=False)
            if biased:
                plain.bias = torch.nn.Parameter(module.bias.float(), requires_grad=False)
            parent, _, child = name.rpartition(".")
            setattr(twin.get_submodule(parent), child, plain)
    return twin
