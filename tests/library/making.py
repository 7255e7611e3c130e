"""Files as they lie in a library, written by hand: no library of the program's own is trusted to write them."""

from __future__ import annotations

import json
import struct
from math import prod

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "I32": 4, "U8": 1, "I64": 8}

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "torch_dtype": "bfloat16"}


def write_safetensors(path, tensors, *, data=None, cut=0):
    """`tensors`: shape and dtype by name, or (dtype, shape, bytes). `cut` leaves bytes out at the end."""
    table, body = {}, b""
    for name, (dtype, shape, *content) in tensors.items():
        piece = content[0] if content else bytes(prod(shape) * SIZES[dtype])
        table[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(body), len(body) + len(piece)]}
        body += piece
    header = json.dumps(table).encode()
    whole = struct.pack("<Q", len(header)) + header + body
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(whole[: len(whole) - cut])
    return path


def write_json(path, value):
    """JSON, in a folder made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def make_model(folder, config=None, tensors=None, file="model.safetensors"):
    """A whole Transformers folder of 64 * 64 + 10 * 64 weights in bfloat16."""
    write_json(folder / "config.json", LLAMA if config is None else config)
    write_json(folder / "tokenizer.json", {})
    usual = {
        "model.embed_tokens.weight": ("BF16", (10, 64)),
        "model.layers.0.self_attn.q_proj.weight": ("BF16", (64, 64)),
    }
    write_safetensors(folder / file, tensors or usual)
    return folder


def make_adapter(folder, *, rank=8, alpha=16, cut=0, binary=False, **config):
    """A whole adapter; of a .bin the content matters to nobody who doesn't open it."""
    content = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": ["v_proj", "q_proj"]}
    write_json(folder / "adapter_config.json", content | {"base_model_name_or_path": "huggyllama/llama-7b"} | config)
    if binary:
        (folder / "adapter_model.bin").write_bytes(b"PK pretended")
        return folder
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    tensors = {f"{name}.lora_A.weight": ("F32", (rank, 64)), f"{name}.lora_B.weight": ("F32", (64, rank))}
    write_safetensors(folder / "adapter_model.safetensors", tensors, cut=cut)
    return folder


def gguf(facts, *, version=3, tail=b""):
    """The start of a GGUF file: facts are (key, type, packed value)."""
    size = "<I" if version == 1 else "<Q"
    text = b"GGUF" + struct.pack("<I", version) + struct.pack(size, 0) + struct.pack(size, len(facts))
    for key, kind, value in facts:
        text += struct.pack(size, len(key)) + key.encode() + struct.pack("<I", kind)
        text += struct.pack(size, len(value)) + value if kind == 8 else value
    return text + tail
