"""Strict stand-ins for the few classes of exllama 0.1.0 and exllamav2 0.3.2 that the ExLlama loader calls.

They compute on the CPU, from the packed weights, what the real ones compute on a card, and refuse what those would
crash on or silently get wrong: factors of another type or shape, a KV cache continued with another adapter, attributes
that do not exist. Their signatures and attributes are held against the packages' own source by another test.
"""

from __future__ import annotations

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import torch
from safetensors import safe_open

from tests.plugins.exllama_twin import Keys, Twin, product
from tests.plugins.exllamav2_standins import ExLlamaV2, ExLlamaV2Cache, ExLlamaV2Config


class ExLlamaDeviceMap:
    def __init__(self, num_layers):
        self.num_layers = num_layers
        self.embed_tokens = "cpu"
        self.lm_head = "cuda:0"
        self.norm = "cuda:0"
        self.layers = ["cuda:0"] * num_layers

    def map(self, key):
        return self.layers[int(key.split(".")[2])]


class ExLlamaConfig:
    def __init__(self, model_config_path):
        with Path(model_config_path).open() as file:
            read_config = json.load(file)
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            assert isinstance(read_config[name], int), "a list or null does harm later"
        self.pad_token_id = read_config["pad_token_id"]
        self.hidden_size = read_config["hidden_size"]
        assert read_config["initializer_range"]
        self.intermediate_size = read_config["intermediate_size"]
        self.num_attention_heads = read_config["num_attention_heads"]
        self.num_hidden_layers = read_config["num_hidden_layers"]
        self.rms_norm_eps = read_config["rms_norm_eps"]
        self.vocab_size = read_config["vocab_size"]
        self.num_key_value_heads = read_config.get("num_key_value_heads", self.num_attention_heads)
        self.rotary_embedding_base = 10000
        self.head_dim = self.hidden_size // self.num_attention_heads
        self.model_path = None
        self.device_map = ExLlamaDeviceMap(self.num_hidden_layers)
        self.max_seq_len = 2048
        self.compress_pos_emb = 1.0
        self.auto_map = None

    def set_auto_map(self, map_string):
        self.auto_map = [float(alloc) for alloc in map_string.split(",")]

    def __setattr__(self, name, value):
        if sys._getframe(1).f_code.co_filename != __file__ and name not in self.__dict__:
            raise AttributeError(f"ExLlamaConfig has no {name}")
        super().__setattr__(name, value)


class Ex4bitLinear:
    def __init__(self, config, in_features, out_features, has_bias, tensors, key):
        assert not has_bias
        self.config = config
        self.key = key
        self.in_features = in_features
        self.out_features = out_features

    def lora_applies(self, lora):
        return lora is not None and self.key + ".lora_A.weight" in lora.tensors

    def added(self, x, lora):
        if not self.lora_applies(lora):
            return 0
        a, b = lora.tensors[self.key + ".lora_A.weight"], lora.tensors[self.key + ".lora_B.weight"]
        assert str(a.device) == self.config.device_map.map(self.key)
        return product(x, a, b, self.in_features, self.out_features)


class _Part:
    pass


class ExLlama:
    def __init__(self, config):
        assert Path(config.model_path).suffix == ".safetensors"
        assert set(config.device_map.layers) == {config.device_map.norm} == {config.device_map.lm_head} == {"cpu"}
        self.config = config
        with safe_open(config.model_path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no dictionary
        assert "lm_head.weight" in tensors
        self._twin = Twin(config, tensors, config.rotary_embedding_base, config.compress_pos_emb, plus_one=True)
        self.embed_tokens = self._twin.model.model.embed_tokens
        with torch.no_grad():
            self.embed_tokens.weight[config.pad_token_id] = 0
        self.layers = []
        for number in range(config.num_hidden_layers):
            layer = _Part()
            layer.self_attn, layer.mlp = _Part(), _Part()
            for name, sizes in self._twin.sizes(number).items():
                part, _, child = name.partition(".")
                key = f"model.layers.{number}.{name}"
                setattr(getattr(layer, part), child, Ex4bitLinear(config, *sizes, False, tensors, key))
                self._twin.watch(key, self._adding(getattr(getattr(layer, part), child)))
            self.layers.append(layer)
        self._lora = None
        self.calls = []
        self.freed = False

    def _adding(self, linear):
        return lambda x: linear.added(x, self._lora)

    def forward(  # noqa: PLR0913 - as it is
        self,
        input_ids,
        cache,
        last_id_only=True,
        preprocess_only=False,
        lora=None,
        output_device=None,
        input_mask=None,
    ):
        self.calls.append((input_ids.shape[1], cache.current_seq_len))
        self._lora = lora
        logits = cache._read(self._twin, input_ids, lora)
        return logits[:, -1:] if last_id_only else logits

    def free_unmanaged(self):
        self.freed = True


class ExLlamaCache(Keys):
    def __init__(self, model, batch_size=1, max_seq_len=-1, copy_from=None):
        assert copy_from is None
        self.model = model
        self.config = model.config
        self.max_seq_len = max_seq_len if max_seq_len != -1 else self.config.max_seq_len
        self.batch_size = batch_size
        self.current_seq_len = 0


def install(monkeypatch, *packages):
    """Put stand-ins where the packages would be."""
    for package in packages:
        for name in [package, "exllama.model"] if package == "exllama" else [package]:
            module = ModuleType(name)
            module.__spec__ = ModuleSpec(name, None)
            monkeypatch.setitem(sys.modules, name, module)
    for package in packages:
        where = sys.modules["exllama.model" if package == "exllama" else package]
        for one in CLASSES[package]:
            setattr(where, one.__name__, one)


CLASSES = {
    "exllama": (ExLlama, ExLlamaCache, ExLlamaConfig),
    "exllamav2": (ExLlamaV2, ExLlamaV2Cache, ExLlamaV2Config),
}
"""What the loader imports from each."""
