"""Makes a model ready for gradients to flow through it, and puts everything back afterwards."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from desktop.api import LoaderError
from loader_kit.devices import available_memory

RESERVE = 2**30
"""Bytes that stay free beside a float32 copy of the weights, for the training itself."""
WIDENED = "This CPU has no bfloat16 arithmetic, so training computes in float32."
NOT_WIDENED = (
    "This CPU has no bfloat16 arithmetic, and there is no memory for the weights in float32: they are converted for "
    "each product, which is slower. Close other programs or load the model in 4 bits."
)


class Prepared:
    """How the model computes while it is prepared."""

    def __init__(self) -> None:
        """Nothing to say yet."""
        self.notes: tuple[str, ...] = ()
        self.widen = False
        """Whether sites bring weights to float32 for each product."""


@contextmanager
def prepared(model: Any, *, training: bool, checkpointing: bool = False) -> Iterator[Prepared]:
    """The model in training mode (or evaluation mode), computing in a type this CPU is fast in; undone at the end.

    The base's weights are never written to: where they are wanted in float32, copies stand in for them.
    """
    if training:
        refuse_packed(model)
    found = Prepared()
    with ExitStack() as undo:
        undo.enter_context(_disarmed(model))
        undo.enter_context(_mode(model, training))
        if checkpointing:
            undo.enter_context(_checkpointing(model))
        if is_slow(model):
            if wide_copy_bytes(model) + RESERVE < available_memory():
                undo.enter_context(_wide_copy(model))
                found.notes = (WIDENED,)
            else:
                found.widen, found.notes = True, (NOT_WIDENED,)
        yield found


def is_slow(model: Any) -> bool:
    """Whether the model computes in 16 bits on a CPU that has no such arithmetic: a product then takes many times
    what it takes in float32."""
    weight = model.get_input_embeddings().weight
    if weight.device.type != "cpu" or weight.dtype not in (torch.bfloat16, torch.float16):
        return False
    return weight.dtype == torch.float16 or not has_bfloat16()


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 numbers itself."""
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    if any(getattr(torch.cpu, name, bool)() for name in asked):
        return True
    arm = platform.machine().lower() in {"arm64", "aarch64"}
    return arm and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def wide_copy_bytes(model: Any) -> int:
    """Memory that copies of all 16-bit weights take in float32."""
    return sum(parameter.numel() * 4 for parameter in {id(one): one for _, _, one in _narrow(model)}.values())


def refuse_packed(model: Any) -> None:
    """Raise LoaderError for 4-bit weights that were repacked by a first answer: no gradient flows through those."""
    for module in model.modules():
        state = getattr(getattr(module, "weight", None), "quant_state", None)
        if getattr(state, "packing_format_for_cpu", False):
            raise LoaderError(
                "This 4-bit model has answered prompts, and its weights were repacked for that in a way that can't be "
                "trained on. Load it again and train before you prompt it."
            )


@contextmanager
def _disarmed(model: Any) -> Iterator[None]:
    """bitsandbytes repacks no 4-bit weights while this lasts, whatever forward pass comes first."""
    armed = [module for module in model.modules() if getattr(module, "support_avx512bf16_for_cpu", False)]
    for module in armed:
        module.support_avx512bf16_for_cpu = False
    try:
        yield
    finally:
        for module in armed:
            module.support_avx512bf16_for_cpu = True


@contextmanager
def _mode(model: Any, training: bool) -> Iterator[None]:
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


@contextmanager
def _checkpointing(model: Any) -> Iterator[None]:
    # Newer releases of transformers have another name for it and warn of the old one.
    name = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    try:
        getattr(model, f"{name}_checkpointing_enable")({"use_reentrant": False})
        # It also hooks the embedding, for the sake of ways of checkpointing that this is none of.
        model.disable_input_require_grads()
    except ValueError as error:
        raise LoaderError(
            "This model can't compute its activations twice. Switch gradient checkpointing off."
        ) from error
    try:
        yield
    finally:
        getattr(model, f"{name}_checkpointing_disable")()


@contextmanager
def _wide_copy(model: Any) -> Iterator[None]:
    """Copies in float32 stand in for the 16-bit weights; weights that are shared stay shared."""
    copies: dict[int, torch.nn.Parameter] = {}
    narrow = list(_narrow(model))
    try:
        for module, name, parameter in narrow:
            if id(parameter) not in copies:
                copies[id(parameter)] = torch.nn.Parameter(parameter.detach().float(), requires_grad=False)
            module._parameters[name] = copies[id(parameter)]
        yield
    finally:
        for module, name, parameter in narrow:
            module._parameters[name] = parameter


def _narrow(model: Any) -> Iterator[tuple[Any, str, torch.nn.Parameter]]:
    """Every 16-bit weight with the module it belongs to; packed ones are no floating-point numbers."""
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if type(parameter) is torch.nn.Parameter and parameter.dtype in (torch.bfloat16, torch.float16):
                yield module, name, parameter
