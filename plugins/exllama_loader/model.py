"""The handle of a model that ExLlama or ExLlamaV2 computes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import torch

from desktop.api import (
    Chunk,
    GenerateRequest,
    Logits,
    LogitsRequest,
    Message,
    Model,
    ModelInfo,
    Reply,
    Unsupported,
)
from loader_kit.torch_model import TorchModel

from .engine import Engine
from .joined_stack import JoinedStack
from .passes import EngineModel


class ExllamaModel(Model):
    """Draws tokens with the kit's own sampler from ExLlama's logits, so every sampling setting is honoured."""

    def __init__(self, engine: Engine, tokenizer: Any, info: ModelInfo, end_tokens: frozenset[int]) -> None:
        """`tokenizer` is one of transformers'; `info` tells the device and the cache's room."""
        self.info = info
        self.stack = JoinedStack(engine)
        self._engine = engine
        passes = EngineModel(engine, self.stack.version, torch.device(info.device), info.context_length)
        self._answers = TorchModel(passes, tokenizer, info, end_tokens)

    def generate(self, request: GenerateRequest) -> Generator[Chunk, None, Reply]:
        """Answer a prompt, one token a chunk."""
        return (yield from self._answers.generate(request))

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt the model's own chat template makes."""
        return self._answers.render(messages)

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` takes, special tokens not counted."""
        return self._answers.count_tokens(text)

    def logits(self, request: LogitsRequest) -> Logits:
        """Logits of the last positions with the present stack, as float32."""
        return self._answers.logits(request)

    def close(self) -> None:
        """Give back what lies outside torch's reach."""
        self._engine.close()


def require_exllama_model(model: Model) -> ExllamaModel:
    """The model as this loader's handle. Raises Unsupported for any other, which only a bug can bring."""
    if not isinstance(model, ExllamaModel):
        raise Unsupported("This model was not made by this loader.")
    return model
