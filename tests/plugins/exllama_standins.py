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

from tests.plugins.exllama_twin import Twin


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


class _Keys:
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


class ExLlamaCache(_Keys):
    def __init__(self, model, batch_size=1, max_seq_len=-1, copy_from=None):
        assert copy_from is None
        self.model = model
        self.config = model.config
        self.max_seq_len = max_seq_len if max_seq_len != -1 else self.config.max_seq_len
        self.batch_size = batch_size
        self.current_seq_len = 0


class ExLlamaV2Config:
    def __init__(self, model_dir=None):
        self.model_dir = model_dir
        self.model_config = str(Path(model_dir) / "config.json")
        read_config = json.loads(Path(self.model_config).read_text(encoding="utf8"))
        assert len(read_config["architectures"]) == 1
        self.architecture = read_config["architectures"][0]
        self.vocab_size = read_config["vocab_size"]
        self.hidden_size = read_config["hidden_size"]
        self.intermediate_size = read_config["intermediate_size"]
        self.num_attention_heads = read_config["num_attention_heads"]
        self.num_key_value_heads = read_config.get("num_key_value_heads", self.num_attention_heads)
        self.num_hidden_layers = read_config["num_hidden_layers"]
        self.head_dim = read_config.get("head_dim", self.hidden_size // self.num_attention_heads)
        self.norm_eps = read_config["rms_norm_eps"]
        self.rotary_embedding_base = read_config.get("rope_theta", 10000.0)
        self.scale_pos_emb = 1.0
        scaling = read_config.get("rope_scaling")
        if scaling:
            assert not ("type" in scaling and "rope_type" in scaling)
            assert scaling["type"] == "linear"
            self.scale_pos_emb = scaling["factor"]
        self.max_seq_len = read_config.get("max_position_embeddings", 2048)
        form = read_config.get("quantization_config", {}).get("checkpoint_format")
        self.checkpoint_offset_qzeros = form == "gptq_v2"
        self.tensor_files = sorted(Path(model_dir).glob("*.safetensors"))
        self.tensor_file_map = {}
        for name in self.tensor_files:
            with safe_open(name, framework="pt") as file:
                for key in file.keys():  # noqa: SIM118 - no dictionary
                    assert key not in self.tensor_file_map, "two files with the same weights"
                    self.tensor_file_map[key] = name


class ExLlamaV2Linear:
    def __init__(self, model, key, in_features, out_features, has_bias, pad32=True):
        self.model = model
        self.key = key
        self.padding = -out_features % 32 if pad32 else 0
        self.in_features = in_features
        self.out_features = out_features + self.padding
        self.has_bias = has_bias
        self.lora_a_tensors = {}
        self.lora_b_tensors = {}
        self._pointers = {}

    def device(self):
        return "cpu"

    def added(self, x, loras):
        total = 0
        for lora in loras or ():
            if id(lora) in self._pointers:
                a, b = self._pointers[id(lora)]
                out = product(x, a, b, self.in_features, self.out_features)
                total = total + out[..., : self.out_features - self.padding]
        return total


class ExLlamaV2:
    def __init__(self, config, lazy_load=False, archparams=None):
        self.config = config
        self.modules_dict = {}
        self.loaded = False
        self._loras = None
        self.calls = []

    def load(self, gpu_split=None, lazy=False, stats=False, callback=None, callback_gen=None, progress=False):
        tensors = {}
        for name in self.config.tensor_files:
            with safe_open(name, framework="pt") as file:
                tensors |= {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no dictionary
        plus_one = not self.config.checkpoint_offset_qzeros
        base, factor = self.config.rotary_embedding_base, self.config.scale_pos_emb
        self._twin = Twin(self.config, tensors, base, factor, plus_one=plus_one)
        for number in range(self.config.num_hidden_layers):
            for name, sizes in self._twin.sizes(number).items():
                key = f"model.layers.{number}.{name}"
                self.modules_dict[key] = linear = ExLlamaV2Linear(self, key, *sizes, False)
                self._twin.watch(key, self._adding(linear))
        self.gpu_split = gpu_split
        self.loaded = True

    def _adding(self, linear):
        return lambda x: linear.added(x, self._loras)

    def update_loras(self):
        for linear in self.modules_dict.values():
            assert linear.lora_a_tensors.keys() == linear.lora_b_tensors.keys()
            pairs = {key: (a, linear.lora_b_tensors[key]) for key, a in linear.lora_a_tensors.items()}
            linear._pointers = {id(key): pair for key, pair in pairs.items()}

    @torch.inference_mode()
    def forward(  # noqa: PLR0913 - as it is
        self,
        input_ids,
        cache=None,
        input_mask=None,
        preprocess_only=False,
        last_id_only=False,
        loras=None,
        return_last_state=False,
        position_offsets=None,
        abort_event=None,
        cpu_logits=False,
        **kwargs,
    ):
        assert self.loaded
        assert not kwargs
        # As the embedding and the head look.
        assert loras is None or (loras[0].embed_tokens is None and loras[0].lm_head is None)
        self.calls.append((input_ids.shape[1], cache.current_seq_len))
        self._loras = loras
        logits = cache._read(self._twin, input_ids, loras and loras[0])
        padding = -self.config.vocab_size % 32
        logits = torch.nn.functional.pad(logits, (0, padding), value=-65504.0).half()
        return logits[:, -1:] if last_id_only else logits

    def unload(self):
        self.modules_dict = {}
        self.loaded = False


class ExLlamaV2Cache(_Keys):
    def __init__(  # noqa: PLR0913 - as it is
        self,
        model,
        batch_size=1,
        max_seq_len=-1,
        copy_from=None,
        lazy=False,
        num_key_value_heads=None,
        fixed_device=None,
    ):
        assert model.loaded, "its tensors go where the layers are"
        self.model = model
        self.max_seq_len = max_seq_len if max_seq_len != -1 else model.config.max_seq_len
        self.batch_size = batch_size
        self.current_seq_len = 0


def product(x, a, b, wide, out):
    """x A B in float32, from factors as the kernels want them."""
    for side in (a, b):
        assert side.dtype == torch.float16
        assert side.is_contiguous()
        assert not side.requires_grad
    assert a.shape == (wide, b.shape[0])
    assert b.shape[1] == out
    return x @ a.float() @ b.float()


def install(monkeypatch, *packages):
    """Put stand-ins where the packages would be."""
    for package in packages:
        for name in [package, "exllama.model"] if package == "exllama" else [package]:
            module = ModuleType(name)
            module.__spec__ = ModuleSpec(name, None)
            monkeypatch.setitem(sys.modules, name, module)
    here = globals()
    for package, names in CLASSES.items():
        where = sys.modules.get("exllama.model" if package == "exllama" else package)
        if package in packages:
            for name in names:
                setattr(where, name, here[name])


CLASSES = {
    "exllama": ("ExLlama", "ExLlamaCache", "ExLlamaConfig"),
    "exllamav2": ("ExLlamaV2", "ExLlamaV2Cache", "ExLlamaV2Config"),
}
"""What the loader imports from each."""
