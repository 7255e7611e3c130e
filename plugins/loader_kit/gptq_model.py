"""Makes a transformers model of a GPTQ checkpoint: the architecture without weights, its linears replaced by ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from torch import nn

from desktop.api import LoaderError, Progress

from .gptq_linear import GptqLinear, Packed
from .gptq_unpacking import BITS, ZeroConvention
from .matching import linear_sizes
from .model_folder import dtype_argument
from .pickled_weights import read_pickled

_PARTS = ("qweight", "qzeros", "zeros", "scales", "g_idx", "bias")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How packed layers are to be read."""

    convention: ZeroConvention
    group_size: Callable[[int, int], int]
    """The group size of a layer without a group index, from its inputs and its number of groups."""
    bits: int | None = None
    """What the user says they have; None: what the shapes say."""


def read_tensors(files: tuple[Path, ...]) -> dict[str, torch.Tensor]:
    """All tensors of these files by name, mapped where the format allows it. Raises LoaderError."""
    from safetensors.torch import load_file

    found: dict[str, torch.Tensor] = {}
    for file in files:
        if file.suffix.lower() != ".safetensors":
            found |= read_pickled(file, "model", mapped=True)
            continue
        try:
            found |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise LoaderError(f"{file} can't be read ({error}). Download the model again.") from error
    return found


def skeleton(config: Any, dtype: torch.dtype, trust_remote_code: bool) -> Any:
    """The model of a transformers configuration: parameters without memory, buffers as they are computed."""
    from accelerate import init_empty_weights
    from transformers import AutoModelForCausalLM

    if hasattr(config, "quantization_config"):
        # transformers would look for an engine of its own.
        del config.quantization_config
    arguments = {dtype_argument(): dtype, "trust_remote_code": trust_remote_code}
    with init_empty_weights(include_buffers=False):
        model = AutoModelForCausalLM.from_config(config, **arguments)
    return model.eval().requires_grad_(False)


def fill(model: Any, tensors: Mapping[str, torch.Tensor], reading: Reading, progress: Progress) -> None:
    """Put packed linears and all other weights into a skeleton. Raises LoaderError where they don't fit it."""
    layers = sorted(name.removesuffix(".qweight") for name in tensors if name.endswith(".qweight"))
    if not layers:
        raise LoaderError("The model's files hold no GPTQ layer. Download the model again.")
    modules = dict(model.named_modules())
    for number, name in enumerate(layers):
        progress("Loading weights", number / len(layers))
        layer = _make_layer(name, modules.get(name), tensors, reading)
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer.eval())
    packed = {f"{name}.{part}" for name in layers for part in _PARTS}
    _fill_plain(model, {name: tensor for name, tensor in tensors.items() if name not in packed})


def _make_layer(name: str, module: Any, tensors: Mapping[str, torch.Tensor], reading: Reading) -> GptqLinear:
    sizes = linear_sizes(module) if module is not None else None
    if sizes is None:
        raise LoaderError(
            f"The model's files have a quantised {name}, which is no linear of this architecture in the installed "
            "transformers. Choose another copy of the model, or its weights that are not quantised."
        )
    parts = {part: tensors.get(f"{name}.{part}") for part in _PARTS}
    qweight, scales = parts["qweight"], parts["scales"]
    if scales is None or (parts["zeros"] is None and parts["qzeros"] is None):
        raise LoaderError(f"{name} is incomplete: it has no scales or no zero points. Download the model again.")
    assert qweight is not None
    bits = _bits(name, qweight, sizes, reading.bits)
    packed = Packed(
        qweight=qweight,
        scales=scales,
        qzeros=parts["qzeros"],
        zeros=parts["zeros"],
        g_idx=_group_index(name, parts["g_idx"], sizes[0], scales.shape[0]),
        bias=_bias(parts["bias"], module),
    )
    size = -1
    if packed.zeros is None:
        _refuse_misfits(name, packed, bits, sizes)
        size = reading.group_size(sizes[0], scales.shape[0])
    elif scales.numel() != sizes[1] or packed.zeros.numel() != sizes[1]:
        raise LoaderError(_contradiction(name, "its scales or zeros are not one for each output"))
    return GptqLinear(packed, bits, size, reading.convention)


def _bits(name: str, qweight: torch.Tensor, sizes: tuple[int, int], wanted: int | None) -> int:
    if qweight.dim() != 2 or qweight.shape[1] != sizes[1] or qweight.dtype != torch.int32:
        raise LoaderError(_contradiction(name, f"its qweight is {tuple(qweight.shape)}, for {sizes[1]} outputs"))
    found = next((bits for bits in BITS if qweight.shape[0] * 32 == sizes[0] * bits), None)
    if found is None:
        bits = 32 * qweight.shape[0] / sizes[0]
        raise LoaderError(_contradiction(name, f"that would be {bits:.3g} bits for each of its {sizes[0]} inputs"))
    if wanted not in {None, found}:
        raise LoaderError(
            f"{name} has {found} bits a weight as its shape says, not {wanted}. Leave wbits out, or set it to {found}."
        )
    return found


def _group_index(name: str, index: torch.Tensor | None, inputs: int, groups: int) -> torch.Tensor | None:
    if index is None or (groups > 1 and not index.any()):
        return None  # some writers left it empty
    if tuple(index.shape) != (inputs,) or int(index.min()) < 0 or int(index.max()) >= groups:
        raise LoaderError(_contradiction(name, f"its g_idx does not name one of {groups} groups for each input"))
    return index


def _bias(bias: torch.Tensor | None, module: Any) -> torch.Tensor | None:
    """The first writers stored a bias of zeros for every layer; it is none where the architecture has none."""
    if bias is not None and getattr(module, "bias", None) is None and not bias.any():
        return None
    return bias


def _refuse_misfits(name: str, packed: Packed, bits: int, sizes: tuple[int, int]) -> None:
    assert packed.qzeros is not None
    groups = packed.scales.shape[0]
    if packed.scales.shape != (groups, sizes[1]):
        raise LoaderError(_contradiction(name, f"its scales are {tuple(packed.scales.shape)}"))
    if packed.qzeros.shape != (groups, sizes[1] * bits // 32):
        words = f"its zero points are {tuple(packed.qzeros.shape)}, for {groups} groups of {sizes[1]} at {bits} bits"
        raise LoaderError(_contradiction(name, words))


def _contradiction(name: str, words: str) -> str:
    return f"{name} does not fit config.json: {words}. The files don't belong together; download the model again."


def _fill_plain(model: Any, tensors: Mapping[str, torch.Tensor]) -> None:
    """Embeddings, norms, heads: in the type the model computes in. What it computes itself is not in its state."""
    dtype: torch.dtype = model.dtype
    state, parameters = model.state_dict(), dict(model.named_parameters())
    for name, old in state.items():
        tensor = tensors.get(name)
        if tensor is None:
            continue
        if old.shape != tensor.shape:
            words = f"it is {tuple(tensor.shape)}, where {tuple(old.shape)} is expected"
            raise LoaderError(_contradiction(name, words))
        owner, _, last = name.rpartition(".")
        value = tensor.to(dtype) if tensor.is_floating_point() else tensor
        wrapped = nn.Parameter(value, requires_grad=False) if name in parameters else value
        setattr(model.get_submodule(owner), last, wrapped)
    model.tie_weights()
    missing = [name for name, parameter in model.named_parameters() if parameter.device.type == "meta"]
    if missing:
        raise LoaderError(
            f"The model's files lack {len(missing)} of its tensors (such as {missing[0]}). Download the model again."
        )
