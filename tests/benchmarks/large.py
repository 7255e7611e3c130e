"""A random model of a Llama's shape with 1.1 billion parameters, for what a small model doesn't show."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from .starter import cache_home, starter_model

WIDTH, INNER, LAYERS, HEADS, KV_HEADS, VOCABULARY = 2048, 5632, 22, 32, 4, 49152


def large_model() -> Path:
    """Its folder, with the starter's tokenizer; 2.3 GB of bfloat16, made once and kept."""
    folder = cache_home() / "models" / "random-1.1b"
    if not (folder / "config.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _write_weights(folder / "model.safetensors")
        for file in starter_model().iterdir():
            if file.name.startswith("tokenizer") or file.name == "chat_template.jinja":
                shutil.copyfile(file, folder / file.name)
        (folder / "config.json").write_text(json.dumps(_config()), encoding="utf-8")
    return folder


def _config() -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    }


def _shapes() -> dict[str, tuple[int, ...]]:
    kv = WIDTH // HEADS * KV_HEADS
    layer = {
        "self_attn.q_proj": (WIDTH, WIDTH),
        "self_attn.k_proj": (kv, WIDTH),
        "self_attn.v_proj": (kv, WIDTH),
        "self_attn.o_proj": (WIDTH, WIDTH),
        "mlp.gate_proj": (INNER, WIDTH),
        "mlp.up_proj": (INNER, WIDTH),
        "mlp.down_proj": (WIDTH, INNER),
        "input_layernorm": (WIDTH,),
        "post_attention_layernorm": (WIDTH,),
    }
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens": (VOCABULARY, WIDTH), "model.norm": (WIDTH,)}
    for number in range(LAYERS):
        shapes |= {f"model.layers.{number}.{name}": shape for name, shape in layer.items()}
    return {f"{name}.weight": shape for name, shape in shapes.items()}


def _write_weights(file: Path) -> None:
    """One tensor after the other, so that the memory holds one at a time (the format: an eight-byte header length)."""
    header, at = {}, 0
    for name, shape in _shapes().items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    random = np.random.default_rng(0)
    with file.open("wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for shape in _shapes().values():
            if len(shape) == 1:
                values = np.ones(shape, dtype=np.float32)
            else:
                values = random.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
            # bfloat16 is the upper half of a float32.
            out.write((values.view(np.uint32) >> 16).astype("<u2").tobytes())
