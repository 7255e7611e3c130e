"""GGUF LoRA files read back: names, order of rows and scale against the adapter's own tensors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gguf import GGUFReader

from desktop.api import LoaderError
from desktop.library.adapter_tensors import read_adapter_tensors
from desktop.library.gguf_lora import export_gguf_lora, permute, unpermute
from tests.library.making import write_json, write_safetensors

HEADS, KEYS, WIDTH = 4, 2, 32
LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KEYS,
    "hidden_size": WIDTH,
}
OUT = {"q_proj": WIDTH, "k_proj": WIDTH // 2, "v_proj": WIDTH // 2, "o_proj": WIDTH, "down_proj": WIDTH}
GGUF = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "down_proj": "ffn_down"}


def make(tmp_path, dtype="F32", base=None, ranks=None, **config):
    """An adapter with random factors on two layers, and its base's configuration."""
    chance = np.random.default_rng(3)
    tensors = {}
    for layer in range(2):
        for name, out in OUT.items():
            block = "mlp" if name == "down_proj" else "self_attn"
            rank = (ranks or {}).get(name, 4)
            for side, shape in (("A", (rank, WIDTH)), ("B", (out, rank))):
                values = chance.standard_normal(shape).astype("<f4")
                raw = (
                    (values.view("<u4") >> 16).astype("<u2")
                    if dtype == "BF16"
                    else values.astype({"F32": "<f4", "F16": "<f2"}[dtype])
                )
                key = f"base_model.model.model.layers.{layer}.{block}.{name}.lora_{side}.weight"
                tensors[key] = (dtype, shape, raw.tobytes())
    write_safetensors(tmp_path / "adapter" / "adapter_model.safetensors", tensors)
    told = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": list(OUT)}
    write_json(tmp_path / "adapter" / "adapter_config.json", told | config)
    write_json(tmp_path / "base" / "config.json", LLAMA | (base or {}))
    return tmp_path / "adapter", tmp_path / "base"


def read(path):
    """Facts and tensors, by numpy's order of axes."""
    reader = GGUFReader(path)
    facts = {name: field.contents() for name, field in reader.fields.items()}
    return facts, {tensor.name: np.array(tensor.data) for tensor in reader.tensors}


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_the_file_read_back_equals_the_adapters_tensors(tmp_path, dtype, kind):
    adapter, base = make(tmp_path, dtype, {"model_type": kind})
    size = export_gguf_lora(adapter, base, tmp_path / "out.gguf")
    assert size == (tmp_path / "out.gguf").stat().st_size
    facts, tensors = read(tmp_path / "out.gguf")
    assert (facts["general.type"], facts["adapter.type"]) == ("adapter", "lora")
    assert facts["general.architecture"] == kind
    assert facts["adapter.lora.alpha"] == 8.0
    mine = read_adapter_tensors(adapter)
    assert len(tensors) == len(mine) == 20
    for key, value in mine.items():
        layer, name, side = key.split(".")[4], key.split(".")[6], key.split(".")[7][-1]
        there = tensors[f"blk.{layer}.{GGUF[name]}.weight.lora_{side.lower()}"]
        if side == "B" and kind == "llama" and name in {"q_proj", "k_proj"}:
            assert not np.array_equal(there, value)
            there = unpermute(there, HEADS if name == "q_proj" else KEYS)
        assert np.array_equal(there, value), key


def test_the_order_of_rows_is_llama_cpps():
    # One head of six rows: halves (0 1 2 | 3 4 5) become pairs.
    rows = np.arange(6, dtype=np.float32).reshape(6, 1)
    assert permute(rows, 1).ravel().tolist() == [0, 3, 1, 4, 2, 5]
    assert np.array_equal(unpermute(permute(rows, 1), 1), rows)


@pytest.mark.parametrize(
    ("config", "ranks", "weight"),
    [
        ({}, {}, 1.0),
        ({}, {}, -0.5),
        ({"use_rslora": True}, {}, 1.0),
        ({"use_rslora": True, "rank_pattern": {"q_proj": 2}}, {"q_proj": 2}, 0.3),
        (
            {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 6, "layers.1.mlp.down_proj": 3}},
            {"q_proj": 2},
            1.0,
        ),
    ],
)
def test_what_llama_cpp_computes_of_it_is_what_peft_does(tmp_path, config, ranks, weight):
    adapter, base = make(tmp_path, ranks=ranks, base={"model_type": "qwen2"}, **config)
    export_gguf_lora(adapter, base, tmp_path / "out.gguf", weight)
    facts, tensors = read(tmp_path / "out.gguf")
    mine = read_adapter_tensors(adapter)
    for layer in range(2):
        for name in OUT:
            block = "mlp" if name == "down_proj" else "self_attn"
            key = f"base_model.model.model.layers.{layer}.{block}.{name}.lora_"
            a, b = mine[f"{key}A.weight"].astype(float), mine[f"{key}B.weight"].astype(float)
            patterns = config.get("alpha_pattern", {})
            alpha = patterns.get(name, patterns.get(f"layers.{layer}.{block}.{name}", 8))
            scale = alpha / (math.sqrt(len(a)) if config.get("use_rslora") else len(a))
            there = [tensors[f"blk.{layer}.{GGUF[name]}.weight.lora_{side}"].astype(float) for side in "ab"]
            made = facts["adapter.lora.alpha"] / len(there[0]) * there[1] @ there[0]
            assert made == pytest.approx(weight * scale * b @ a, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("config", "base", "sentence"),
    [
        ({"use_dora": True}, {}, "adapter is or has DoRA, which a GGUF LoRA file can't hold."),
        ({"modules_to_save": ["lm_head"]}, {}, "whole trained modules"),
        ({"bias": "all"}, {}, "trained biases"),
        ({"peft_type": "LOHA"}, {}, "LOHA"),
        ({"lora_alpha": None}, {}, "lora_alpha in its adapter_config.json is None where a number is due."),
        ({"alpha_pattern": {"^a.*": 3}}, {}, "its alpha_pattern has the expression '^a.*'."),
        ({}, {"model_type": "mamba"}, "How GGUF keeps the weights of 'mamba' is not known here"),
        ({}, {"num_hidden_layers": 1}, "GGUF has no name for the module model.layers.1."),
    ],
)
def test_what_the_format_cannot_hold_is_refused_and_leaves_nothing(tmp_path, config, base, sentence):
    adapter, folder = make(tmp_path, base=base, **config)
    with pytest.raises(LoaderError) as refused:
        export_gguf_lora(adapter, folder, tmp_path / "out" / "x.gguf")
    assert sentence in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(tmp_path):
    adapter, base = make(tmp_path)
    (tmp_path / "out.gguf").write_text("mine")
    with pytest.raises(LoaderError, match="exists already"):
        export_gguf_lora(adapter, base, tmp_path / "out.gguf")
    assert (tmp_path / "out.gguf").read_text() == "mine"


@pytest.mark.long
@pytest.mark.parametrize("name", ["q_proj", "k_proj"])
def test_transformers_reads_the_rows_back_in_the_adapters_order(tmp_path, name):
    processor = pytest.importorskip("transformers.modeling_gguf_pytorch_utils").LlamaTensorProcessor()
    adapter, base = make(tmp_path)
    export_gguf_lora(adapter, base, tmp_path / "out.gguf")
    there = read(tmp_path / "out.gguf")[1][f"blk.0.{GGUF[name]}.weight.lora_b"]
    mine = read_adapter_tensors(adapter)[f"base_model.model.model.layers.0.self_attn.{name}.lora_B.weight"]
    back = processor._reverse_permute_weights(there, HEADS, HEADS if name == "q_proj" else KEYS)
    assert np.array_equal(back, mine)
