"""GPTQ and EXL2 checkpoints of every era on disk: headers with the right shapes, and zeros for weights."""

from __future__ import annotations

import struct

from tests.library.making import LLAMA, write_json, write_safetensors

HIDDEN, INNER = 256, 384
LINEARS = {"self_attn.q_proj": (HIDDEN, HIDDEN), "mlp.gate_proj": (HIDDEN, INNER), "mlp.down_proj": (INNER, HIDDEN)}
CONFIG = LLAMA | {"hidden_size": HIDDEN}


def layer(bits, group, inputs, outputs, *, era="g_idx", reordered=False):
    """The tensors of one packed linear; `group` -1 is one group."""
    size = inputs if group == -1 else group
    groups = -(-inputs // size)
    tensors = {"qweight": ("I32", (inputs * bits // 32, outputs))}
    if era == "zeros":
        return tensors | {"scales": ("F32", (outputs, 1)), "zeros": ("F32", (outputs, 1)), "bias": ("F32", (outputs,))}
    tensors |= {"scales": ("F16", (groups, outputs)), "qzeros": ("I32", (groups, outputs * bits // 32))}
    if era == "qzeros":
        return tensors
    index = [position // size for position in range(inputs)]
    if reordered:
        index = index[1::2] + index[::2]
    return tensors | {"g_idx": ("I32", (inputs,), struct.pack(f"<{inputs}i", *index))}


def tensors_of(bits=4, group=128, **options):
    """A layer of a Llama, packed, with an embedding that is not."""
    found = {"model.embed_tokens.weight": ("F16", (10, HIDDEN))}
    for name, (inputs, outputs) in LINEARS.items():
        for key, value in layer(bits, group, inputs, outputs, **options).items():
            found[f"model.layers.0.{name}.{key}"] = value
    return found


def bytes_of(tensors):
    """What they take, all in all."""
    sizes = {"I32": 4, "F16": 2, "F32": 4}
    total = 0
    for dtype, shape, *_ in tensors.values():
        count = 1
        for size in shape:
            count *= size
        total += count * sizes[dtype]
    return total


def make(folder, *, file="model.safetensors", config=CONFIG, quantize_config=None, bits=4, group=128, **options):
    """A folder with packed weights; `options` go to `layer`."""
    if config is not None:
        write_json(folder / "config.json", config)
    if quantize_config is not None:
        write_json(folder / "quantize_config.json", quantize_config)
    write_safetensors(folder / file, tensors_of(bits, group, **options))
    return folder


def make_autogptq(folder, **options):
    """As AutoGPTQ writes it."""
    says = {"bits": 4, "group_size": 128, "desc_act": False, "sym": True, "damp_percent": 0.01}
    return make(folder, file="gptq_model-4bit-128g.safetensors", quantize_config=says, **options)


def make_exl2(folder, config=CONFIG):
    """Every linear at 4.5 bits a weight."""
    if config is not None:
        write_json(folder / "config.json", config)
    tensors = {}
    for name, (inputs, outputs) in LINEARS.items():
        tensors[f"model.layers.0.{name}.q_weight"] = ("I32", (inputs * 9 // 64, outputs))
        tensors[f"model.layers.0.{name}.q_invperm"] = ("I32", (inputs,))
    write_safetensors(folder / "output.safetensors", tensors)
    return folder
