"""A tiny Llama as a GGUF, written with the format's own library as llama.cpp's converter would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests import tiny

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.layers": "blk",
}
"""transformers' names to llama.cpp's."""


def make_gguf(path: Path, folder: Path) -> object:
    """A GGUF of a tiny model in float32, which is made in `folder`; returns that model in memory."""
    from gguf import GGUFWriter

    model = tiny.make_model(folder)
    writer = GGUFWriter(path, "llama")
    config = model.config
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    _add_tokenizer(writer, json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"])
    for name, tensor in model.state_dict().items():
        if name != "lm_head.weight":
            writer.add_tensor(_named(name), _permuted(name, tensor.numpy(), config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model


def _add_tokenizer(writer, model) -> None:
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) if isinstance(pair, list) else pair for pair in model["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_chat_template(tiny.CHAT_TEMPLATE)


def _named(name: str) -> str:
    for ours, theirs in NAMES.items():
        name = name.replace(ours, theirs)
    return name


def _permuted(name: str, values: np.ndarray, config) -> np.ndarray:
    """llama.cpp turns two numbers that lie side by side; transformers two that lie half a head apart."""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return values
    heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
    size = values.shape[0] // heads // 2
    return np.ascontiguousarray(
        values.reshape(heads, 2, size, values.shape[1]).swapaxes(1, 2).reshape(values.shape), dtype=np.float32
    )
