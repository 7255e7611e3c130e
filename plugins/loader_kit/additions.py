"""Fits what an adapter brings besides factors to the modules of a model, or says why it doesn't fit."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import msgspec
import torch

from desktop.api import LoaderError

from .adapter_files import AdapterFiles, Factors
from .lora_site import home_of
from .matching import linear_sizes, scaling_of
from .trained_parts import tokens_of


class Addition(msgspec.Struct):
    """What one adapter adds to one module beside its factors, at weight 1."""

    bias: torch.Tensor | None = None
    """Added to the output."""
    trained: Any = None
    """A module whose output, less the base's, is added."""

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        tensors = [self.bias] if self.bias is not None else []
        tensors += list(self.trained.parameters()) if self.trained is not None else []
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def make_additions(
    modules: Mapping[str, Any], files: AdapterFiles, matched: Mapping[str, Factors]
) -> dict[str, Addition]:
    """By module, what the adapter adds besides factors. Raises LoaderError where it does not fit the model."""
    _refuse_bare_parameters(files, modules)
    _refuse_missing(files, modules)
    additions: dict[str, Addition] = {}
    for name, parameters in files.parts.parameters.items():
        words = _misfit(name, parameters, modules)
        if words:
            raise LoaderError(f"{files.name} {words}, so it can't be attached. Choose an adapter made for this base.")
        module = modules[name]
        if _are_the_base(module, parameters):
            continue
        if "weight" in parameters:
            additions[name] = Addition(trained=_trained(module, parameters))
        else:
            gain = parameters["bias"].float() - module.bias.detach().cpu().float()
            additions[name] = Addition(bias=gain.to(*home_of(module)))
    for name, bias in files.parts.lora_biases.items():
        if name in matched:
            addition = additions.setdefault(name, Addition())
            scaled = (scaling_of(name, files) * bias.float()).to(*home_of(modules[name]))
            addition.bias = scaled if addition.bias is None else addition.bias + scaled
    return additions


def with_token_rows(
    modules: Mapping[str, Any], files: AdapterFiles, matched: Mapping[str, Factors]
) -> dict[str, Factors]:
    """The factors, with trained rows of an embedding as more of them: A picks the token, B is what it gains."""
    factors = dict(matched)
    for name, rows in files.parts.rows.items():
        gains, picks = _gains_of_tokens(modules.get(name), rows, tokens_of(name, files.config), files.name, name)
        # PEFT lets a head with the embedding's own weight follow, and not the other way round.
        follow = _tied_to(name, modules) if hasattr(modules[name], "embedding_dim") else []
        for module in (name, *(tied for tied in follow if tied not in files.parts.rows)):
            embedding = hasattr(modules[module], "embedding_dim")
            more = Factors(picks, gains.T, embedding) if embedding else Factors(gains, picks.T)
            old = matched.get(module)
            factors[module] = more if old is None else _joined(old, more, scaling_of(module, files))
    return factors


def _gains_of_tokens(
    module: Any, rows: torch.Tensor, tokens: list[int], adapter: str, name: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Trained rows less the base's, and for each the row of zeros and a one that picks its token."""
    weight = getattr(module, "weight", None)
    if weight is None or weight.dim() != 2 or weight.shape[1:] != rows.shape[1:] or not _is_plain(weight):
        raise LoaderError(
            f"{adapter} brings trained tokens for {name}, which this model does not have, or not in that shape. "
            "Choose an adapter made for this base."
        )
    whole = all(isinstance(token, int) and 0 <= token < len(weight) for token in tokens)
    if not whole or len(tokens) != len(rows) or len(set(tokens)) != len(tokens):
        raise LoaderError(
            f"The trained tokens of {adapter} don't fit {name}: {len(rows)} rows, {len(tokens)} token numbers "
            f"in its configuration, {len(weight)} tokens in this model. Choose an adapter made for this base."
        )
    picks = torch.zeros(len(tokens), len(weight))
    picks[torch.arange(len(tokens)), torch.tensor(tokens)] = 1.0
    return rows.float() - weight.detach()[tokens].cpu().float(), picks


def notes_on(files: AdapterFiles) -> tuple[str, ...]:
    """One sentence each on what the adapter brings besides factors."""
    parts, notes = files.parts, []
    whole = [name for name, row in parts.parameters.items() if "weight" in row]
    biases = len(parts.parameters) - len(whole) + len(parts.lora_biases)
    if whole:
        more = f" and {len(whole) - 3} more" if len(whole) > 3 else ""
        notes.append(f"It brings trained modules: {', '.join(whole[:3])}{more}.")
    if biases:
        notes.append(f"It brings trained biases: {biases}.")
    if parts.rows:
        notes.append(f"It brings trained tokens: {sum(len(rows) for rows in parts.rows.values())}.")
    return tuple(notes)


def _refuse_bare_parameters(files: AdapterFiles, modules: Mapping[str, Any]) -> None:
    """Raise LoaderError for a trained parameter that is neither weight nor bias, such as that of fused experts."""
    for key in files.unused:
        name, _, parameter = key.removeprefix("base_model.model.").rpartition(".")
        if parameter in getattr(modules.get(name), "_parameters", {}) and not name.endswith(".base_layer"):
            raise LoaderError(
                f"{files.name} brings a trained {name}.{parameter}; only linears, embeddings and norms can be added. "
                "Choose an adapter without it."
            )


def _refuse_missing(files: AdapterFiles, modules: Mapping[str, Any]) -> None:
    """Raise LoaderError if the file lacks what its configuration says was trained."""
    parts, config = files.parts, files.config
    missing = ["trainable_token_indices"] if config.get("trainable_token_indices") and not parts.rows else []
    missing += ["lora_bias"] if config.get("lora_bias") and not parts.lora_biases else []
    targets = config.get("modules_to_save") or []
    for target in [targets] if isinstance(targets, str) else targets:
        there = tuple(name for name in modules if name.endswith(target))
        if there and not any(name.startswith(there) for name in parts.parameters):
            missing.append(f"modules_to_save {target}")
    if missing:
        raise LoaderError(
            f"{files.name} is incomplete: its configuration says {missing[0]}, its file has nothing of it. "
            "Download it again."
        )


def _tied_to(name: str, modules: Mapping[str, Any]) -> list[str]:
    """The other modules with the very weight of this one."""
    weight = getattr(modules.get(name), "weight", None)
    return [
        other
        for other, module in modules.items()
        if other != name and weight is not None and getattr(module, "weight", None) is weight
    ]


def _misfit(name: str, parameters: Mapping[str, torch.Tensor], modules: Mapping[str, Any]) -> str:
    """Why trained parameters can't stand in for those of the model's module of that name; "" if they can."""
    module = modules.get(name)
    if module is None:
        return f"brings a trained {name}, which this model does not have"
    sizes = linear_sizes(module)
    if sizes is None and not type(module).__name__.endswith("Norm"):
        return f"brings a trained {name}, a {type(module).__name__}; only linears, embeddings and norms can be added"
    if any(parameter.device.type == "meta" for parameter in module.parameters(recurse=False)):
        return f"brings a trained {name}, whose weights are not in memory (the model is too large for it)"
    for key, tensor in parameters.items():
        expected = _shape_of(module, key, sizes)
        if tuple(tensor.shape) != expected:
            here = " x ".join(map(str, expected)) if expected else "none"
            there = " x ".join(map(str, tensor.shape))
            return f"brings a trained {name}.{key} of {there}, this model has {here}"
    return ""


def _shape_of(module: Any, key: str, sizes: tuple[int, int] | None) -> tuple[int, ...]:
    """The shape of a parameter; of a packed weight, the one it stands for."""
    if key == "weight" and sizes is not None:
        turned = not hasattr(module, "in_features")
        return sizes if turned else (sizes[1], sizes[0])
    tensor = getattr(module, key, None)
    return () if tensor is None else tuple(tensor.shape)


def _are_the_base(module: Any, parameters: Mapping[str, torch.Tensor]) -> bool:
    """Whether nothing was trained here: PEFT also writes biases and embeddings that are still the base's."""
    pairs = [(getattr(module, key).detach().cpu(), tensor) for key, tensor in parameters.items()]
    return all(_is_plain(base) and torch.equal(base, tensor.to(base.dtype)) for base, tensor in pairs)


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether the numbers are the weights themselves: not packed, not in 8 bits, and in memory."""
    return tensor.is_floating_point() and tensor.element_size() > 1 and tensor.device.type != "meta"


def _trained(module: Any, parameters: Mapping[str, torch.Tensor]) -> Any:
    """The module as the adapter wants it, beside the base's own, which is not touched."""
    device, dtype = home_of(module)
    if _is_plain(module.weight):
        twin = copy.copy(module)
        # Another adapter may stand in the `forward` of the base's module.
        twin.__dict__.pop("forward", None)
        dtype = module.weight.dtype
    else:
        wide, out = linear_sizes(module) or (0, 0)
        bias = getattr(module, "bias", None)
        twin = torch.nn.Linear(wide, out, bias=bias is not None, device="meta")
        parameters = parameters if bias is None else {"bias": bias, **parameters}
    replaced = {
        key: torch.nn.Parameter(tensor.detach().to(device, dtype, copy=True), requires_grad=False)
        for key, tensor in parameters.items()
    }
    twin._parameters = {**twin._parameters, **replaced}
    return twin


def _joined(old: Factors, more: Factors, scaling: float) -> Factors:
    """More factors behind those a module has. The scaling of the module holds for both, so it is taken out here."""
    a = torch.cat([old.a.float(), more.a])
    return Factors(a, torch.cat([old.b.float(), more.b / scaling], dim=1), old.embedding)
