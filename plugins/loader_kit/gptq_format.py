"""Recognises GPTQ and EXL2 checkpoints of every era from configuration, names and headers. Needs no torch.

The shapes of the tensors decide; configurations and names fill in what shapes don't say. Beyond headers a single
tensor is read, the group index of one layer, and only where nothing else tells whether the order was changed.
Pickles (.pt, .bin) are never opened: of those the configuration and the name are all that is known.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from desktop.api import LoaderError
from desktop.api.checkpoints import TensorHeader, read_safetensors_header

from .gptq_checkpoint import PLAIN_PACKINGS, GptqCheckpoint, groups_in_words
from .gptq_files import ModelFiles, NameSays, find_files, read_name
from .gptq_shapes import Shapes, exl2_bits, is_reordered, read_shapes

_NAMES = {"awq": "AWQ", "exl3": "EXL3", "bitsandbytes": "bitsandbytes", "hqq": "HQQ", "aqlm": "AQLM", "fp8": "FP8"}


def recognise(path: Path) -> GptqCheckpoint:
    """What the checkpoint at `path` is. Raises LoaderError, in words, where it is something else or broken."""
    try:
        return _recognise(path)
    except OSError as error:
        raise LoaderError(f"{path} can't be read ({error.strerror}).") from error


def _recognise(path: Path) -> GptqCheckpoint:
    files = find_files(path)
    _refuse_other_methods(files)
    tensors = [
        tensor
        for file in files.weights
        if file.suffix.lower() == ".safetensors"
        for tensor in read_safetensors_header(file)
    ]
    memory = sum(tensor.bytes for tensor in tensors) if tensors else sum(file.stat().st_size for file in files.weights)
    found = _exl2(files, tensors, memory) or _gptq(files, tensors, memory)
    if found is None:
        raise LoaderError(_not_quantised(files))
    if files.config is None:
        raise LoaderError(
            f"It is {found.words}, but there is no config.json in {files.folder}, so nobody can say which architecture "
            "it has. Copy config.json and the tokenizer of the original model there."
        )
    return found


def _refuse_other_methods(files: ModelFiles) -> None:
    method = _method(files)
    if method not in {"", "gptq", "exl2"}:
        opens = "; the Transformers loader opens it" if method == "bitsandbytes" else ""
        raise LoaderError(f"This model is quantised with {_NAMES.get(method, method)}, not with GPTQ{opens}.")


def _method(files: ModelFiles) -> str:
    return str(files.quantisation.get("quant_method") or "gptq").lower() if files.quantisation is not None else ""


def _not_quantised(files: ModelFiles) -> str:
    if files.beside:
        return (
            f"The weights in {files.folder} are not quantised with GPTQ; the Transformers loader opens them. To open "
            f"{files.beside[-1].name} beside them, name that file."
        )
    return "This model is not quantised with GPTQ; the Transformers loader opens it."


def _exl2(files: ModelFiles, tensors: list[TensorHeader], memory: int) -> GptqCheckpoint | None:
    from_shapes = exl2_bits(tensors)
    if from_shapes is None:
        return None
    return GptqCheckpoint(
        method="EXL2",
        bits=_number((files.quantisation or {}).get("bits")) or from_shapes or None,
        configured=files.quantisation is not None,
        model_type=_model_type(files),
        files=files.weights,
        memory_bytes=memory,
    )


def _gptq(files: ModelFiles, tensors: list[TensorHeader], memory: int) -> GptqCheckpoint | None:
    says = files.quantisation or {}
    name = read_name(files.weights[0])
    shapes = read_shapes(tensors, hidden_size=_whole((files.config or {}).get("hidden_size")))
    if shapes is None:
        if not _is_gptq_unseen(files, tensors, name):
            return None
        shapes = Shapes()
    bits = shapes.bits or _whole(says.get("bits")) or name.bits
    group = _group_size(shapes, says, name)
    return GptqCheckpoint(
        method="GPTQ",
        bits=bits,
        mixed=shapes.mixed,
        group_size=group,
        act_order=_act_order(files, shapes, name, group),
        layout=shapes.layout,
        configured=files.quantisation is not None,
        packing=_packing(says),
        model_type=_model_type(files),
        files=files.weights,
        memory_bytes=memory,
        remarks=_remarks(shapes, says, name, group),
    )


def _is_gptq_unseen(files: ModelFiles, tensors: list[TensorHeader], name: NameSays) -> bool:
    """Whether files without visible packed layers are GPTQ all the same: pickles, or packed for one kernel."""
    method = _method(files)
    if method == "exl2" or (method == "gptq" and tensors and _packing(files.quantisation or {}) in PLAIN_PACKINGS):
        raise LoaderError(
            f"Its configuration says {method.upper()}, but {files.weights[0].name} holds no such layers. The files "
            "don't belong together; download the model again."
        )
    return bool(method) or (not tensors and name.bits is not None)


def _group_size(shapes: Shapes, says: dict[str, Any], name: NameSays) -> int | None:
    """The size that gives as many groups as the tensors have: with a last group that is not full, several would."""
    claims = [size for size in (_whole(says.get("group_size")), name.group_size) if size]
    fitting = [size for size in claims if shapes.has_groups_of(size)]
    if fitting:
        return fitting[0]
    if shapes.group_size is not None or not claims:
        return shapes.group_size
    return claims[0]


def _act_order(files: ModelFiles, shapes: Shapes, name: NameSays, group: int | None) -> bool | None:
    says = (files.quantisation or {}).get("desc_act")
    if isinstance(says, bool):
        return says
    if shapes.layout in {"zeros", "qzeros"}:
        return False
    if shapes.group_index and group:
        return group > 0 and is_reordered(files.weights, shapes.group_index, group)
    return name.act_order


def _remarks(shapes: Shapes, says: dict[str, Any], name: NameSays, group: int | None) -> tuple[str, ...]:
    """Where a configuration or a name contradicts the tensors; those are believed."""
    found = []
    for source, bits, size in (
        ("configuration", _whole(says.get("bits")), _whole(says.get("group_size"))),
        ("name", name.bits, name.group_size),
    ):
        if shapes.bits and bits and bits != shapes.bits and not shapes.mixed:
            found.append(f"Its {source} says {bits} bits, its tensors say {shapes.bits}.")
        if shapes.group_size is not None and size and size != group:
            found.append(f"Its {source} says {groups_in_words(size)}, its tensors say {groups_in_words(group or -1)}.")
    return tuple(found)


def _packing(says: dict[str, Any]) -> str:
    if says.get("is_marlin_format"):
        return "marlin"
    return str(says.get("checkpoint_format") or says.get("format") or "gptq").lower()


def _model_type(files: ModelFiles) -> str:
    return str((files.config or {}).get("model_type") or "")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 16 else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and -1 <= value < 2**31 else None
