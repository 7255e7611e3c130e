"""ExLlamaV2 (the package exllamav2 0.3.2, July 2025) as an engine.

Of its classes it takes the configuration, the model and the cache. Its own LoRA reads files, the stale .bin before the
.safetensors and without rank patterns, so the linears are handed the factors under an object of ours. Its generators
are left out: their prompt cache is found by tokens alone and would be used again under another stack.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.nn import functional

from loader_kit.folder_repair import make_view

from .engine import PROJECTIONS, Joined, Linear, Plan


class ExllamaV2Lora:
    """Stands for the joined adapter: linears keep factors by it, and its two modules are asked for by name."""

    lm_head = None
    embed_tokens = None


class ExllamaV2Engine:
    """A model in GPTQ or EXL2."""

    def __init__(self, plan: Plan) -> None:
        """Load it. Raises whatever ExLlamaV2 and its compiler raise."""
        from exllamav2 import ExLlamaV2, ExLlamaV2Cache, ExLlamaV2Config

        with _view(plan) as folder:
            config = ExLlamaV2Config(str(folder))
            config.max_seq_len = plan.context
            self._model = ExLlamaV2(config)
            self._model.load(list(plan.gigabytes) or _all_on(plan.device))
        self._cache = ExLlamaV2Cache(self._model, max_seq_len=plan.context)
        self._vocabulary: int = config.vocab_size
        self._joined: Joined = {}
        self._loras: list[ExllamaV2Lora] | None = None
        names = [f"model.layers.{layer}.{name}" for layer in range(config.num_hidden_layers) for name in PROJECTIONS]
        self._modules = {name: self._model.modules_dict[name] for name in names}
        self.linears = {
            name: Linear(module.in_features, module.out_features - module.padding, module.device())
            for name, module in self._modules.items()
        }

    def restart(self) -> None:
        """Forget the tokens in the KV cache."""
        self._cache.current_seq_len = 0

    def forward(self, ids: torch.Tensor, *, last_only: bool) -> torch.Tensor:
        """Logits, float32, after reading `ids`; without the columns that pad the vocabulary."""
        # The embedding lies in main memory.
        logits: torch.Tensor = self._model.forward(ids.cpu(), self._cache, last_id_only=last_only, loras=self._loras)
        return logits[..., : self._vocabulary].float().to(ids.device)

    def use(self, joined: Joined) -> None:
        """Compute with these factors, or with those there were where ExLlamaV2 refuses them."""
        before = self._joined
        try:
            self._put(joined)
        except BaseException:
            self._put(before)
            raise

    def close(self) -> None:
        """Its quantised matrices are not torch's."""
        self._model.unload()

    def _put(self, joined: Joined) -> None:
        lora = ExllamaV2Lora()
        for name, module in self._modules.items():
            module.lora_a_tensors.clear()
            module.lora_b_tensors.clear()
            if name in joined:
                a, b = joined[name]
                module.lora_a_tensors[lora] = a
                # The kernel takes the width of the padded linear for that of B.
                module.lora_b_tensors[lora] = functional.pad(b, (0, module.padding)) if module.padding else b
        if torch.cuda.is_available():
            # Its passes run on a stream of its own, which doesn't wait for the one the factors were made on.
            torch.cuda.synchronize()
        # The kernels keep pointers to the factors, and how wide the widest is.
        self._model.update_loras()
        # An empty list would be looked into for its first.
        self._loras = [lora] if joined else None
        self._joined = joined


@contextmanager
def _view(plan: Plan) -> Iterator[Path]:
    """A folder with the configuration as ExLlamaV2 reads it and no other weights: it takes every file there is."""
    with tempfile.TemporaryDirectory(prefix="lora-deck-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        make_view(plan.files[0].parent, plan.files, {"config.json": plan.config}, folder)
        yield folder


def _all_on(device: str) -> list[float]:
    """Gigabytes on each card that put everything on one."""
    number = int(device.partition(":")[2] or 0)
    return [0.0] * number + [99_999.0]
