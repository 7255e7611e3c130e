"""Stands in for a training engine until there is one: a loader plugin whose `generate` trains a small LoRA.

Each piece of its "answer" is one step; its text is a JSON object with the step's tokens and the time at its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from desktop.api import AttachReceipt, Chunk, GenerateRequest, LoadRequest, Lora, Model, Progress, Unsupported, hookimpl

LENGTH = 64
"""Tokens of a row; short steps, so that a new share of the cores is taken soon."""


class Trainer(Model):
    """A base model with a LoRA of rank 8 on all linears that is being trained."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def generate(self, request: GenerateRequest) -> Iterator[Chunk]:
        """Train until cancelled, on rows of random tokens: the work is the same whatever they say."""
        import torch

        parameters = [parameter for parameter in self._model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=1e-4)
        random = torch.Generator().manual_seed(0)
        while True:
            ids = torch.randint(100, 40_000, (1, LENGTH), generator=random)
            self._model(input_ids=ids, labels=ids).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            yield Chunk(text=json.dumps({"tokens": LENGTH, "at": perf_counter()}))


@hookimpl
def load(request: LoadRequest, progress: Progress) -> Model:
    """The model of the request with a fresh LoRA."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    # A CPU without bfloat16 instructions takes half a minute for a step that takes it a second in float32.
    dtype = torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    base = AutoModelForCausalLM.from_pretrained(request.path, dtype=dtype)
    config = LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM")
    return Trainer(get_peft_model(base, config).train())


@hookimpl
def apply_lora(model: Model, lora: Lora) -> AttachReceipt:
    """Nothing can be put on it."""
    raise Unsupported("This only trains.")


@hookimpl
def remove_lora(model: Model, lora: Lora) -> None:
    """Nothing is on it."""
