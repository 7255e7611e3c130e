"""ExLlama (the package exllama 0.1.0, August 2023) as an engine.

Of its classes it takes the configuration, the model and the cache. Its own LoRA reads one adapter from files and knows
neither rsLoRA nor rank patterns, so the model is handed an object with the same `tensors` instead; its generator is
left out, which forgets the adapter at each reset and can go on from a cache of another one.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch

from .engine import PROJECTIONS, Joined, Linear, Plan
from .engine_config import rope_scaling, rope_theta


class ExllamaLora:
    """What ExLlama's linears look factors up in."""

    def __init__(self, joined: Joined) -> None:
        """`joined` as `Engine.use` has it."""
        self.tensors: dict[str, torch.Tensor] = {}
        for name, (a, b) in joined.items():
            self.tensors[f"{name}.lora_A.weight"] = a
            self.tensors[f"{name}.lora_B.weight"] = b


class ExllamaEngine:
    """A Llama in 4-bit GPTQ, in one file."""

    def __init__(self, plan: Plan) -> None:
        """Load it. Raises whatever ExLlama and its compiler raise."""
        from exllama.model import ExLlama, ExLlamaCache, ExLlamaConfig

        with tempfile.TemporaryDirectory(prefix="lora-deck-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / "config.json"
            file.write_text(json.dumps(plan.config), encoding="utf-8")
            config = ExLlamaConfig(str(file))
        _set(config, plan)
        self._model = ExLlama(config)
        _put_back_padding(self._model, plan.files[0], config.pad_token_id)
        self._cache = ExLlamaCache(self._model)
        self._lora: ExllamaLora | None = None
        self.linears = _linears(self._model)

    def restart(self) -> None:
        """Forget the tokens in the KV cache."""
        self._cache.current_seq_len = 0

    def forward(self, ids: torch.Tensor, *, last_only: bool) -> torch.Tensor:
        """Logits, float32, after reading `ids`."""
        logits: torch.Tensor = self._model.forward(ids, self._cache, last_id_only=last_only, lora=self._lora)
        return logits

    def use(self, joined: Joined) -> None:
        """Compute with these factors: a pointer is set, so nothing can be left half done."""
        self._lora = ExllamaLora(joined) if joined else None

    def close(self) -> None:
        """ExLlama's own buffers must go before the model does."""
        self._model.free_unmanaged()


def _set(config: Any, plan: Plan) -> None:
    """What ExLlama's configuration doesn't read from config.json."""
    config.model_path = str(plan.files[0])
    config.max_seq_len = plan.context
    config.rotary_embedding_base = rope_theta(plan.config)
    config.compress_pos_emb = float(rope_scaling(plan.config).get("factor", 1.0))
    config.device_map.lm_head = config.device_map.norm = plan.device
    config.device_map.layers = [plan.device] * config.num_hidden_layers
    if plan.gigabytes:
        config.set_auto_map(",".join(f"{size:g}" for size in plan.gigabytes))


def _put_back_padding(model: Any, file: Path, token: int) -> None:
    """ExLlama sets one row of the embedding to zeros; a model that uses that token needs it."""
    from safetensors import safe_open

    with safe_open(str(file), framework="pt", device="cpu") as opened, torch.no_grad():
        row = opened.get_slice("model.embed_tokens.weight")[token : token + 1]
        weight = model.embed_tokens.weight
        weight[token] = row[0].to(weight.device, weight.dtype)


def _linears(model: Any) -> dict[str, Linear]:
    found = {}
    for number, layer in enumerate(model.layers):
        for projection in PROJECTIONS:
            part, _, child = projection.partition(".")
            linear = getattr(getattr(layer, part), child)
            name = f"model.layers.{number}.{projection}"
            found[name] = Linear(linear.in_features, linear.out_features, model.config.device_map.map(name))
    return found
