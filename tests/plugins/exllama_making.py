"""A packed checkpoint for the ExLlama stand-ins, its float64 twin, and adapters of many kinds."""

from __future__ import annotations

import copy

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from desktop.api import GenerateRequest, LoadRequest, LogitsRequest, Sampling
from exllama_loader import info, loading, plugin
from tests import tiny
from tests.plugins.exllama_standins import install
from tests.plugins.gptq_reader import read_layer
from tests.plugins.gptq_writer import write_checkpoint
from tests.plugins.stack_making import row

PROMPT = "The capital of France is Paris. The quick brown fox"
# Factors are rounded to float16, and ExLlamaV2 gives its logits in it, on logits up to 16.
TOLERANCE = {"exllama": 5e-3, "exllamav2": 2e-2}


def make_shelf(folder):
    """A packed checkpoint with a rotary base of its own and a head, its float64 twin, and adapters of many kinds."""
    rope = {"rope_type": "default", "rope_theta": 50_000.0}
    model = tiny.make_model(folder / "plain", tie_word_embeddings=False, rope_parameters=rope, pad_token_id=None)
    layers = write_checkpoint(folder / "packed", folder / "plain", act_order=True, writer="gptq_for_llama")
    for name, layer in layers.items():
        model.get_submodule(name).weight.data = torch.from_numpy(read_layer(layer, 4, 32, "gptq_for_llama"))
    for name in ("model.embed_tokens", "lm_head"):
        weight = model.get_submodule(name).weight
        weight.data = weight.data.half().float()
    loras = folder / "loras"
    every = tiny.linear_names(model)
    kinds = {
        "small": {"rank": 4, "alpha": 8},
        "large": {"rank": 16, "alpha": 16, "modules": every},
        "rs": {"rank": 8, "alpha": 4, "use_rslora": True},
        "pattern": {"rank": 4, "alpha": 8, "ranks": {every[0]: 6}, "modules": every[:3],
                    "rank_pattern": {every[0]: 6}, "alpha_pattern": {every[1]: 20}},
    }  # fmt: skip
    scalings = {
        "small": lambda name: 2.0,
        "large": lambda name: 1.0,
        "rs": lambda name: 4 / 8**0.5,
        "pattern": lambda name: 8 / 6 if name == every[0] else 5.0 if name == every[1] else 2.0,
    }
    factors = {
        name: tiny.make_adapter(loras / name, model, seed=seed, dtype=torch.bfloat16, **options)
        for seed, (name, options) in enumerate(kinds.items(), 1)
    }
    make_dora(loras / "dora", model)
    tiny.make_adapter(loras / "head", model, modules=["lm_head", every[0]])
    tiny.make_adapter(loras / "foreign", type(model)(tiny.tiny_config(hidden_size=128)))
    return Shelf(folder, model.double(), factors, scalings)


def make_dora(folder, model):
    factors = tiny.make_adapter(folder, model, use_dora=True)
    tensors = load_file(folder / "adapter_model.safetensors")
    for name in factors:
        weight = model.get_submodule(name).weight
        tensors[f"base_model.model.{name}.lora_magnitude_vector"] = weight.norm(dim=1).float()
    save_file(tensors, folder / "adapter_model.safetensors")


class Shelf:
    def __init__(self, folder, model, factors, scalings):
        self.packed, self.loras = folder / "packed", folder / "loras"
        self._model, self._factors, self._scalings = model, factors, scalings

    def row(self, name, weight=1.0, **more):
        return row(self.loras / name, weight, **more)

    def expected(self, *rows):
        """Logits of every position of the prompt with this stack, in float64."""
        stack = [(self._factors[row.name], self._scalings[row.name], row.effective_weight) for row in rows]
        reference = tiny.merged_float64(copy.deepcopy(self._model), stack)
        from transformers import AutoTokenizer

        ids = AutoTokenizer.from_pretrained(self.packed)(PROMPT)["input_ids"]
        with torch.no_grad():
            return reference(torch.tensor([ids])).logits[0].numpy()


def open_with(name, shelf, monkeypatch, tmp_path, **request):
    install(monkeypatch, name)
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(info, "DEVICES", tmp_path)
    monkeypatch.setattr(info, "versions", lambda *names: {})
    monkeypatch.setattr(loading, "cuda_device", lambda wanted, found: "cpu")
    path = request.pop("path", shelf.packed)
    model = plugin.load(LoadRequest(path=str(path), **request), lambda step, fraction=None: None)
    model.name = name
    return model


def logits(model):
    told = model.logits(LogitsRequest(prompt=PROMPT, last=10_000))
    return np.frombuffer(told.data, "<f4").reshape(told.positions, told.vocabulary)


def agrees(model, expected):
    found = logits(model)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < TOLERANCE[model.name] * max(1, np.abs(expected).max())


def answer(model, tokens=8, **request):
    wanted = GenerateRequest(prompt=PROMPT, sampling=Sampling(greedy=True), max_new_tokens=tokens, **request)
    return tuple(token for chunk in model.generate(wanted) for token in chunk.tokens)


def engine_model(model):
    return model._engine._model
