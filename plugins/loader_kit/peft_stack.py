"""The adapter stack over PEFT's LoRA layers: any number of adapters, each with its weight, removed to the bit.

Works with PEFT 0.13 and newer. PEFT's layers are injected into the model itself, never a wrapper around it, and taken
out again when their last adapter goes, so that the bare model is then made of the very modules it was loaded with.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import torch

from desktop.api import AttachReceipt, LoaderError, Lora

from .adapter_files import AdapterFiles, Factors, read_adapter
from .matching import make_receipt, match_modules, scaling_of

_numbers = itertools.count(1)


class _Attached(msgspec.Struct):
    lora: Lora
    receipt: AttachReceipt
    key: str
    """The name PEFT knows it by; never used twice, so that a row can be replaced before the old one goes."""
    scalings: list[tuple[Any, float]]
    """PEFT's layers that hold factors of it, each with alpha / rank (or alpha / sqrt(rank)) for weight 1."""


class PeftStack:
    """The adapters of one model, in the user's order. Every change is all or nothing."""

    def __init__(self, model: Any) -> None:
        """`model` is a torch module whose linears PEFT can wrap, without adapters."""
        self._model = model
        self._rows: dict[str, _Attached] = {}
        self._version = 0

    def version(self) -> int:
        """Another number after every change: a KV cache made before it is of no use."""
        return self._version

    def replace(self, wanted: Sequence[Lora]) -> list[AttachReceipt]:
        """Make `wanted` the whole stack. On LoaderError the stack is what it was."""
        fresh: dict[str, _Attached] = {}
        try:
            for lora in wanted:
                present = self._rows.get(lora.id)
                if present is None or present.lora.path != lora.path:
                    fresh[lora.id] = self._attach(lora)
        except BaseException:
            self._take_off(list(fresh.values()))
            self._activate()
            raise
        kept = {lora.id for lora in wanted} - set(fresh)
        self._take_off([row for row_id, row in self._rows.items() if row_id not in kept])
        rows = {}
        for lora in wanted:
            row = fresh.get(lora.id) or self._rows[lora.id]
            row.lora = lora
            row.receipt = msgspec.structs.replace(row.receipt, name=lora.name, weight=lora.effective_weight)
            rows[lora.id] = row
        self._rows = rows
        self._activate()
        return [row.receipt for row in rows.values()]

    def apply(self, lora: Lora) -> AttachReceipt:
        """Attach one adapter at the end of the stack, or change the row that has its id."""
        rows = [lora if row.lora.id == lora.id else row.lora for row in self._rows.values()]
        if lora.id not in self._rows:
            rows.append(lora)
        receipts = self.replace(rows)
        return next(receipt for receipt in receipts if receipt.id == lora.id)

    def remove(self, lora: Lora) -> None:
        """Detach one adapter; one that is not attached is none."""
        self.replace([row.lora for row in self._rows.values() if row.lora.id != lora.id])

    def _attach(self, lora: Lora) -> _Attached:
        started = perf_counter()
        files = read_adapter(Path(lora.path), lora.name)
        refuse_parts(files)
        matched = match_modules(self._model, files)
        key = f"row_{next(_numbers)}"
        try:
            layers = self._inject(key, files, matched)
        except BaseException:
            self._forget(key)
            raise
        scalings = [(layer, scaling_of(name, files)) for name, layer in layers.items()]
        receipt = msgspec.structs.replace(
            make_receipt(lora, files, matched),
            bytes=sum(_bytes(layer, key) for layer in layers.values()),
            milliseconds=(perf_counter() - started) * 1000,
        )
        return _Attached(lora, receipt, key, scalings)

    def _inject(self, key: str, files: AdapterFiles, matched: Mapping[str, Factors]) -> dict[str, Any]:
        from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict
        from peft.tuners.lora import LoraLayer

        dora = bool(files.config.get("use_dora"))
        rank = max(factors.rank for factors in matched.values())
        # Whole module names and the ranks of the tensors themselves: the configuration's own patterns may match
        # modules the file has no factors for, and those would get random ones.
        config = LoraConfig(
            r=rank,
            lora_alpha=rank,
            target_modules=sorted(matched),
            rank_pattern={name: row.rank for name, row in matched.items() if row.rank != rank},
            fan_in_fan_out=bool(files.config.get("fan_in_fan_out")),
            use_dora=dora,
            inference_mode=True,
        )
        # PEFT 0.13 does not take the prefix off itself for a model that it does not wrap.
        tensors = {_bare(name): tensor for name, tensor in files.tensors.items() if _owner(name) in matched}
        with warnings.catch_warnings():
            # PEFT warns of a second adapter on one model, which is what this class is for.
            warnings.simplefilter("ignore")
            # DoRA needs the base's norms when its layers are made, which the meta device can't give.
            inject_adapter_in_model(config, self._model, key, low_cpu_mem_usage=not dora)
            result = set_peft_model_state_dict(self._model, tensors, adapter_name=key, low_cpu_mem_usage=not dora)
        if result.unexpected_keys:
            raise LoaderError(f"{files.name} holds factors that nothing took: {result.unexpected_keys[0]}.")
        layers = {
            name: layer
            for name, layer in self._model.named_modules()
            if isinstance(layer, LoraLayer) and key in {*layer.lora_A, *layer.lora_embedding_A}
        }
        if set(layers) != set(matched):
            raise LoaderError(f"{files.name} could not be attached to all of its modules; nothing was changed.")
        for layer in layers.values():
            _settle(layer, key)
        return layers

    def _activate(self) -> None:
        """Let the rows whose weight is not zero act, in the user's order: a row at zero costs and changes nothing."""
        self._version += 1
        acting = [row for row in self._rows.values() if row.lora.effective_weight != 0]
        for row in acting:
            for layer, scaling in row.scalings:
                layer.scaling[row.key] = scaling * row.lora.effective_weight
        for layer in _lora_layers(self._model):
            layer.set_adapter([row.key for row in acting if row.key in {*layer.lora_A, *layer.lora_embedding_A}])
            layer.requires_grad_(False)

    def _take_off(self, rows: Sequence[_Attached]) -> None:
        for row in rows:
            self._forget(row.key)

    def _forget(self, key: str) -> None:
        """Take an adapter out of every layer, and PEFT's layers out of the model where they are empty."""
        from peft.tuners.lora import LoraLayer

        for name, layer in list(self._model.named_modules()):
            if not isinstance(layer, LoraLayer):
                continue
            if key in {*layer.lora_A, *layer.lora_embedding_A}:
                layer.set_adapter([])
                layer.delete_adapter(key)
            if not layer.lora_A and not layer.lora_embedding_A:
                parent, _, child = name.rpartition(".")
                setattr(self._model.get_submodule(parent), child, layer.get_base_layer())
        configs = getattr(self._model, "peft_config", {})
        configs.pop(key, None)
        if not configs and hasattr(self._model, "peft_config"):
            del self._model.peft_config


def refuse_parts(files: AdapterFiles) -> None:
    """Raise LoaderError for what PEFT could attach only by changing the base, or only once for all adapters."""
    parts = files.parts
    for found, words in (
        (parts.rows, "trained tokens (trainable_token_indices)"),
        (parts.parameters, "trained modules or biases of the base (modules_to_save, bias)"),
        (parts.lora_biases, "biases of its factors (lora_bias)"),
    ):
        if found:
            raise LoaderError(
                f"{files.name} brings {words}, which can't be attached together with DoRA. "
                "Use it in a stack without DoRA adapters."
            )


def _owner(name: str) -> str:
    """The module a tensor of the file belongs to; "" where it is no factor."""
    return _bare(name).rpartition(".lora_")[0]


def _bare(name: str) -> str:
    return name.removeprefix("base_model.model.")


def _lora_layers(model: Any) -> Iterator[Any]:
    from peft.tuners.lora import LoraLayer

    return (module for module in model.modules() if isinstance(module, LoraLayer))


def _settle(layer: Any, key: str) -> None:
    """Put the factors where the base's weights are; on the CPU in float32, which is faster there and more exact."""
    weight = layer.get_base_layer().weight
    # Packed weights (uint8, int8) say nothing of the arithmetic: then the factors keep the type they came in.
    kind = torch.float32 if weight.device.type == "cpu" else weight.dtype if weight.is_floating_point() else None
    for holder in (layer.lora_A, layer.lora_B):
        if key in holder:
            holder[key].to(device=weight.device, dtype=kind)
    for holder in (layer.lora_embedding_A, layer.lora_embedding_B):
        if key in holder:
            holder[key].data = holder[key].data.to(device=weight.device, dtype=kind)


def _bytes(layer: Any, key: str) -> int:
    tensors = [holder[key].weight for holder in (layer.lora_A, layer.lora_B) if key in holder]
    tensors += [holder[key] for holder in (layer.lora_embedding_A, layer.lora_embedding_B) if key in holder]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
