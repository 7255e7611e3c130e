"""A quantised copy of a tiny model on disk: what is in it, who recognises it, and that the base is untouched."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from autogptq_loader.probe import verdict
from desktop.api import QuantizeRequest
from loader_kit.gptq_format import recognise
from tests import tiny
from tests.plugins.families import make_family
from tests.plugins.slow_gptq_reader import read_weight

IDS = torch.tensor([[3, 17, 42, 5, 90, 200, 11]])


def quiet(step, fraction=None):
    """Nobody watches."""


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits


def read_back(folder, model, bits):
    """Put what the folder holds into a model, the packed linears through the slow reader; returns their names."""
    tensors = load_file(folder / "model.safetensors")
    packed = [name.removesuffix(".qweight") for name in tensors if name.endswith(".qweight")]
    state = {name: tensor for name, tensor in tensors.items() if name.rpartition(".")[0] not in packed}
    for name in packed:
        parts = ("qweight", "qzeros", "scales", "g_idx")
        weight = read_weight({part: tensors[f"{name}.{part}"] for part in parts}, bits)
        state[f"{name}.weight"] = weight.to(model.get_parameter(f"{name}.weight").dtype)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert unexpected == []
    assert set(missing) <= {"lm_head.weight"}
    return packed


@pytest.fixture
def made(load, tiny_folder, tmp_path):
    """Quantises the tiny model; the report."""

    def make(**request):
        model = load(tiny_folder)
        before = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
        places = {name: tensor.data_ptr() for name, tensor in model.model.state_dict().items()}
        report = model.quantize(QuantizeRequest(folder=str(tmp_path / "out"), **request), quiet)
        for name, tensor in model.model.state_dict().items():
            assert torch.equal(tensor, before[name])
            assert tensor.data_ptr() == places[name]
        return report

    return make


@pytest.mark.parametrize(
    "settings",
    [(8, 32, True, False), (4, 64, False, True), (3, -1, True, False), (2, 32, False, False)],
)
def test_the_copy_is_recognised_and_computes_what_the_model_does(made, tiny_model, tmp_path, settings):
    bits, group, act_order, symmetric = settings
    report = made(bits=bits, group_size=group, act_order=act_order, symmetric=symmetric, samples=8)
    folder = tmp_path / "out"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    found = recognise(folder)
    assert (found.bits, found.group_size, found.act_order) == (bits, group, act_order)
    assert (found.layout, found.packing, found.configured, found.remarks) == ("g_idx", "gptq", True, ())
    judged = verdict(folder)
    assert (judged.fits, judged.native) == (True, True)

    copy = type(tiny_model)(tiny.tiny_config()).eval()
    assert sorted(read_back(folder, copy, bits)) == sorted(tiny.linear_names(tiny_model))
    assert [layer.name for layer in report.layers if layer.error > 0] == [layer.name for layer in report.layers]
    assert sorted(layer.name for layer in report.layers) == sorted(tiny.linear_names(tiny_model))
    wanted = logits(tiny_model)
    off = float((logits(copy) - wanted).square().sum() / (wanted - wanted.mean()).square().sum())
    # Each bit less doubles the grid's step; the tiny model's weights are random, so every error counts.
    assert off < {8: 1e-3, 4: 0.2, 3: 0.8, 2: 2.0}[bits]
    assert report.bytes_before == sum(p.numel() * p.element_size() for p in tiny_model.parameters())
    assert report.bytes_after == (folder / "model.safetensors").stat().st_size
    assert report.tokens == 8 * 256


def test_the_configurations_say_how_it_was_quantised(made, tiny_folder, tmp_path):
    made(group_size=32, act_order=True, damp=0.02, samples=2)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    beside = json.loads((tmp_path / "out" / "quantize_config.json").read_text())
    wanted = {"bits": 4, "group_size": 32, "desc_act": True, "sym": False, "damp_percent": 0.02, "lm_head": False}
    assert config["quantization_config"].items() >= (wanted | {"quant_method": "gptq"}).items()
    assert beside.items() >= wanted.items()
    original = json.loads((tiny_folder / "config.json").read_text())
    assert {**config, "quantization_config": None} == {**original, "quantization_config": None}
    for name in ("tokenizer.json", "generation_config.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tiny_folder / name).read_bytes()


def test_old_programs_find_a_tokenizer_class_they_know(load, tmp_path):
    tiny.make_model(tmp_path / "model")
    file = tmp_path / "model" / "tokenizer_config.json"
    says = json.loads(file.read_text()) | {
        "tokenizer_class": "TokenizersBackend",
        "extra_special_tokens": ["<|im_start|>"],
    }
    file.write_text(json.dumps(says))
    load(tmp_path / "model").quantize(QuantizeRequest(folder=str(tmp_path / "out"), samples=2), quiet)
    written = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())
    assert written["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert written["additional_special_tokens"] == ["<|im_start|>"]
    assert "extra_special_tokens" not in written
    assert json.loads(file.read_text()) == says
    from transformers import AutoTokenizer

    read = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert read("<|im_start|>Paris").input_ids == AutoTokenizer.from_pretrained(tmp_path / "model")(
        "<|im_start|>Paris"
    ).input_ids  # fmt: skip


@pytest.mark.parametrize("family", ["gemma3", "phi3", "qwen3_moe", "gpt_neox", "opt", "falcon"])
def test_other_families_are_walked_through(family, tmp_path):
    from loader_kit.quantising.scheme import Scheme
    from loader_kit.quantising.walking import Walk

    model = make_family(family)
    blocks = torch.randint(5, 90, (4, 24), generator=torch.Generator().manual_seed(0))
    walk = Walk(model, Scheme(8, 32), quiet)
    wanted = logits_of(model, blocks)
    modules = dict(model.named_modules())
    with torch.no_grad():
        for name, quantised in list(walk.run(blocks)):
            modules[name].weight.copy_(quantised.weight())
    assert walk.unseen == []
    off = logits_of(model, blocks) - wanted
    assert float(off.square().sum() / wanted.square().sum()) < 1e-3


def logits_of(model, blocks):
    with torch.no_grad():
        return model(input_ids=blocks).logits


def test_an_untied_head_and_16_bits_stay(load, tmp_path):
    tiny.make_model(tmp_path / "model", dtype=torch.bfloat16, tie_word_embeddings=False)
    model = load(tmp_path / "model")
    report = model.quantize(QuantizeRequest(folder=str(tmp_path / "out"), samples=2), quiet)
    tensors = load_file(tmp_path / "out" / "model.safetensors")
    original = load_file(tmp_path / "model" / "model.safetensors")
    for name in ("lm_head.weight", "model.embed_tokens.weight", "model.norm.weight"):
        assert tensors[name].dtype == torch.bfloat16
        assert torch.equal(tensors[name], original[name])
    assert "Groups of 128 don't divide 64, 96 inputs" in " ".join(report.notes)
