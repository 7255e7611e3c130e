"""The arithmetic of the ExLlama stand-ins: a Llama of transformers in float32, made of packed 4-bit weights."""

from __future__ import annotations

import numpy as np
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from tests.plugins.gptq_reader import read_layer

PROJECTIONS = {"self_attn": ("q_proj", "k_proj", "v_proj", "o_proj"), "mlp": ("gate_proj", "up_proj", "down_proj")}


class Twin:
    """A model whose linears add what others say."""

    def __init__(self, config, tensors, rope_base, rope_factor, *, plus_one):
        """`config` is a stand-in's; `plus_one`: one is added to every stored zero point."""
        rope = {"rope_type": "default", "rope_theta": float(rope_base)}
        if rope_factor != 1:
            rope |= {"rope_type": "linear", "factor": float(rope_factor)}
        self._config = LlamaConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            num_key_value_heads=config.num_key_value_heads,
            rms_norm_eps=getattr(config, "rms_norm_eps", None) or config.norm_eps,
            rope_parameters=rope,
            tie_word_embeddings="lm_head.weight" not in tensors,
        )
        self.model = LlamaForCausalLM(self._config).float().eval().requires_grad_(False)
        missing = self.model.load_state_dict(_weights(tensors, plus_one), strict=False)
        assert set(missing.missing_keys) <= {"lm_head.weight"}
        assert not missing.unexpected_keys
        self.model.tie_weights()

    def sizes(self, number):
        """(in, out) of a layer's linears, by name."""
        layer = self.model.model.layers[number]
        return {
            f"{part}.{name}": (linear.in_features, linear.out_features)
            for part, names in PROJECTIONS.items()
            for name in names
            for linear in [getattr(getattr(layer, part), name)]
        }

    def watch(self, key, added):
        """Let a linear's output be its own and what `added` says for its input."""
        module = self.model.get_submodule(key)
        module.register_forward_hook(lambda module, inputs, output: output + added(inputs[0]))

    def new_cache(self):
        """An empty KV cache."""
        return DynamicCache(config=self._config)

    @torch.no_grad()
    def read(self, ids, cache):
        """Logits of every position of these ids, after what is in the cache."""
        return self.model(input_ids=ids, past_key_values=cache, use_cache=True).logits


def _weights(tensors, plus_one):
    found = {}
    for name, tensor in tensors.items():
        layer, _, part = name.rpartition(".")
        if part == "qweight":
            parts = ("qweight", "qzeros", "scales", "g_idx")
            packed = {key: tensors[f"{layer}.{key}"].numpy() for key in parts if f"{layer}.{key}" in tensors}
            size = packed["qweight"].shape[0] * 8 // packed["scales"].shape[0]
            weights = read_layer(packed, 4, size, "gptq_for_llama" if plus_one else "v2")
            found[f"{layer}.weight"] = torch.from_numpy(np.ascontiguousarray(weights))
        elif part not in {"qzeros", "scales", "g_idx"}:
            found[name] = tensor.float()
    return found


class Keys:
    """A KV cache that knows which adapter its keys were made with."""

    def _read(self, twin, input_ids, lora):
        assert self.current_seq_len + input_ids.shape[1] <= self.max_seq_len
        if self.current_seq_len == 0:
            self._kept, self._lora = twin.new_cache(), lora
        assert lora is self._lora, "the cache holds another adapter's keys"
        assert self._kept.get_seq_length() == self.current_seq_len
        logits = twin.read(input_ids, self._kept)
        self.current_seq_len += input_ids.shape[1]
        return logits


def product(x, a, b, wide, out):
    """x A B in float32, from factors as the kernels want them."""
    for side in (a, b):
        assert side.dtype == torch.float16
        assert side.is_contiguous()
        assert not side.requires_grad
    assert a.shape == (wide, b.shape[0])
    assert b.shape[1] == out
    return x @ a.float() @ b.float()
