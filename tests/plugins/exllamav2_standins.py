"""Strict stand-ins for the classes of exllamav2 0.3.2 that the ExLlama loader calls; see those of exllama."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open

from tests.plugins.exllama_twin import Keys, Twin, product


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


class ExLlamaV2Cache(Keys):
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
