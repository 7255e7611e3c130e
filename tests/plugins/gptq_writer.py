"""Writes GPTQ layers slowly, bit by bit, from the description of the formats: the tests' independent writer.

Each era of GPTQ-for-LLaMa and each later writer differs in which tensors a layer has and how zero points are stored.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tests.plugins.gptq_reader import ADDED

ERAS = ("zeros", "qzeros", "g_idx")
WRITERS = ("v2", "autogptq", "gptqmodel", "gptq_for_llama")


def words(numbers, bits: int) -> list[int]:
    """int32 words that hold these integers; their number must fill whole words."""
    stream = 0
    for place, number in enumerate(numbers):
        stream |= (int(number) & ((1 << bits) - 1)) << (bits * place)
    assert len(numbers) * bits % 32 == 0
    cut = [(stream >> (32 * place)) & 0xFFFFFFFF for place in range(len(numbers) * bits // 32)]
    return [word - 2**32 if word >= 2**31 else word for word in cut]


def stored_zeros(zeros, bits: int, writer: str) -> list[int]:
    """The packed words of one group's zero points."""
    if writer in {"autogptq", "gptq_for_llama"}:
        return words([zero - 1 for zero in zeros], bits)
    packed = words(zeros, bits)
    if writer == "gptqmodel":
        packed = [(word - int(ADDED[bits][place % len(ADDED[bits])], 2)) % 2**32 for place, word in enumerate(packed)]
        packed = [word - 2**32 if word >= 2**31 else word for word in packed]
    return packed


def make_layer(  # noqa: PLR0913 - a test names the few it cares about
    dice, inputs, outputs, bits=4, group_size=32, era="g_idx", writer="autogptq", act_order=False, spread=0.02
):
    """Random integers, scales and zero points as one layer's tensors (numpy)."""
    highest = 2**bits - 1
    q = dice.integers(0, highest + 1, (inputs, outputs))
    layer = {"qweight": np.array([words(column, bits) for column in q.T], dtype=np.int32).T}
    if era == "zeros":
        scales = (dice.random((outputs, 1)) * spread * 2 / highest + 1e-4).astype(np.float32)
        zeros = dice.integers(0, highest + 1, (outputs, 1)).astype(np.float32) * scales
        return layer | {"scales": scales, "zeros": zeros, "bias": np.zeros(outputs, dtype=np.float32)}
    size = inputs if group_size == -1 else group_size
    groups = -(-inputs // size)
    # The one zero point that GPTQ-for-LLaMa's own packing damaged, 0, is left to AutoGPTQ's later convention.
    lowest = 1 if writer == "gptq_for_llama" else 0
    zeros = dice.integers(lowest, highest + 1 + (writer == "gptq_for_llama"), (groups, outputs))
    layer["qzeros"] = np.array([stored_zeros(row, bits, writer) for row in zeros], dtype=np.int32)
    layer["scales"] = (dice.random((groups, outputs)) * spread * 2 / highest + 1e-4).astype(np.float16)
    if era == "g_idx":
        index = np.arange(inputs) // size
        layer["g_idx"] = (dice.permutation(index) if act_order else index).astype(np.int32)
    return layer


def write_checkpoint(  # noqa: PLR0913 - a test names the few it cares about
    folder: Path,
    source: Path,
    *,
    bits=4,
    group_size=32,
    era="g_idx",
    writer="autogptq",
    act_order=False,
    file="model.safetensors",
    config=True,
    seed=0,
) -> dict[str, dict[str, np.ndarray]]:
    """A quantised twin of the model folder `source`: random packed linears, its own embeddings, norms and tokenizer.

    Returns the layers by name.
    """
    from safetensors.torch import load_file

    folder.mkdir(parents=True)
    for other in source.iterdir():
        if other.suffix != ".safetensors":
            (folder / other.name).write_bytes(other.read_bytes())
    dice = np.random.default_rng(seed)
    layers, tensors = {}, {}
    for name, tensor in load_file(source / "model.safetensors").items():
        if not name.endswith("_proj.weight"):
            tensors[name] = tensor.to(torch.float16)
            continue
        outputs, inputs = tensor.shape
        layer = make_layer(dice, inputs, outputs, bits, group_size, era, writer, act_order, spread=0.3)
        layers[name.removesuffix(".weight")] = layer
        for part, values in layer.items():
            tensors[f"{name.removesuffix('.weight')}.{part}"] = torch.from_numpy(np.ascontiguousarray(values))
    save_file(tensors, folder / file) if file.endswith(".safetensors") else torch.save(tensors, folder / file)
    if config:
        says = {"bits": bits, "group_size": group_size, "desc_act": act_order, "sym": False}
        says |= {"checkpoint_format": "gptq_v2"} if writer == "v2" else {}
        says |= {"meta": {"quantizer": ["gptqmodel:5.0.0"]}} if writer == "gptqmodel" else {}
        (folder / "quantize_config.json").write_text(json.dumps(says))
    return layers
