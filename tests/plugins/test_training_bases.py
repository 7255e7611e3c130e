"""Gradients on other architectures, on quantised and 16-bit bases, and on top of a stack."""

from __future__ import annotations

import copy

import pytest
import torch

from desktop.api import LoaderError, Lora, TrainSettings
from loader_kit.training.prepared import prepared
from loader_kit.training.samples import make_samples
from loader_kit.training.writing import write_folder
from tests import tiny
from tests.plugins.training_gradients import SETTINGS, far_apart, gradients, reference, stirred
from tests.plugins.training_making import finish, make_request, make_rows


@pytest.fixture(scope="module")
def samples(tiny_folder):
    from transformers import AutoTokenizer

    return make_samples(AutoTokenizer.from_pretrained(tiny_folder), make_rows(6), SETTINGS).samples


def test_a_window_shorter_than_a_row_is_honoured(tmp_path, samples):
    from transformers import MistralConfig, MistralForCausalLM

    values = tiny.tiny_config().to_dict()
    kept = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    torch.manual_seed(0)
    model = MistralForCausalLM(
        MistralConfig(**{name: values[name] for name in kept}, num_key_value_heads=2, sliding_window=8)
    ).eval()
    loss, ours, forward = gradients(model, samples)
    expected, theirs = reference(model, stirred(model), samples, tmp_path / "adapter")
    assert forward.layout == "rows"
    assert loss == pytest.approx(expected, rel=1e-6)
    assert far_apart(ours, theirs) < 1e-4


def test_conv1d_linears_and_learnt_positions(tmp_path, samples):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=320, n_positions=256, n_embd=64, n_layer=2, n_head=4, resid_pdrop=0, attn_pdrop=0)
    config.embd_pdrop = 0
    model = GPT2LMHeadModel(config).eval()
    loss, ours, forward = gradients(model, samples)
    expected, theirs = reference(model, stirred(model), samples, tmp_path / "adapter")
    assert forward.packed
    assert loss == pytest.approx(expected, rel=1e-6)
    assert far_apart(ours, theirs) < 1e-5


def test_a_model_that_mixes_rows_is_padded_instead(tiny_model, samples, monkeypatch):
    model = copy.deepcopy(tiny_model)
    inner = type(model.model).forward

    def mixing(self, *args, **kwargs):
        output = inner(self, *args, **kwargs)
        if output.last_hidden_state.shape[1] > 20:  # as a recurrent model does
            output.last_hidden_state = output.last_hidden_state + output.last_hidden_state.cumsum(1)
        return output

    monkeypatch.setattr(type(model.model), "forward", mixing)
    _, _, forward = gradients(model, samples)
    assert not forward.packed
    assert "padded" in forward.notes[0]


def test_logits_that_are_changed_after_the_head_are_honoured(tiny_model, samples, monkeypatch):
    """Gemma caps its logits, Cohere and Granite scale them."""
    model = copy.deepcopy(tiny_model)
    inner = type(model).forward

    def scaled(self, input_ids=None, position_ids=None, use_cache=None, logits_to_keep=0, **kwargs):
        given = {"position_ids": position_ids, "use_cache": use_cache, "logits_to_keep": logits_to_keep}
        output = inner(self, input_ids=input_ids, **given, **kwargs)
        output.logits = output.logits / 2
        return output

    monkeypatch.setattr(type(model), "forward", scaled)
    loss, _, forward = gradients(model, samples)
    padded, _, _ = gradients(model, samples, TrainSettings(rank=4, alpha=8, seed=3, max_grad_norm=0, packing=False))
    assert not forward.lean
    assert forward.packed
    assert loss == pytest.approx(padded, rel=1e-6)


def test_it_trains_on_top_of_the_stack(load, tiny_folder, tiny_model, samples, tmp_path):
    tiny.make_adapter(tmp_path / "worn", tiny_model, modules=tiny.linear_names(tiny_model), alpha=2)
    model = load(tiny_folder, dtype="float32")
    model.stack.replace([Lora(id="w", name="worn", path=str(tmp_path / "worn"), weight=0.5)])
    loss, ours, _ = gradients(model.model, samples)
    factors = tiny.make_adapter(tmp_path / "again", tiny_model, modules=tiny.linear_names(tiny_model), alpha=2)
    merged = copy.deepcopy(tiny_model)
    for name, (a, b) in factors.items():
        merged.get_submodule(name).weight.data += 0.5 * (2 / 4) * (b @ a)
    expected, theirs = reference(merged, stirred(merged), samples, tmp_path / "adapter")
    assert loss == pytest.approx(expected, rel=1e-5)
    assert far_apart(ours, theirs) < 1e-4


@pytest.mark.parametrize("bits", [8, 4])
def test_gradients_on_quantised_bases_equal_pefts(load, tiny_folder, samples, tmp_path, bits):
    model = load(tiny_folder, dtype="float32", bits=bits).model
    adapter = stirred(model)
    loss, ours, forward = gradients(model, samples, adapter=adapter)
    assert forward.packed
    # bitsandbytes' modules can't be copied, so PEFT wraps the model itself; nothing comes after it.
    write_folder(tmp_path / "adapter", adapter.files())
    from peft import PeftModel

    model.train()
    peft = PeftModel.from_pretrained(model, tmp_path / "adapter", is_trainable=True)
    labels = sum(sample.labels for sample in samples)
    total = 0.0
    for sample in samples:
        logits = peft(input_ids=sample.ids[None]).logits[0, :-1].float()
        wanted = sample.ids[1:].masked_fill(~sample.trained[1:], -100)
        one = torch.nn.functional.cross_entropy(logits, wanted, ignore_index=-100, reduction="sum") / labels
        one.backward()
        total += float(one.detach())
    theirs = {name.replace(".default", ""): one.grad for name, one in peft.named_parameters() if one.grad is not None}
    assert loss == pytest.approx(total, rel=1e-4)
    assert far_apart(ours, theirs) < 1e-3


def test_repacked_4_bit_weights_are_refused(load, tiny_folder, tmp_path):
    """As a first answer leaves them on a CPU with AVX512-BF16; no gradient would flow through them."""
    model = load(tiny_folder, dtype="float32", bits=4)
    name, module = next((n, m) for n, m in model.model.named_modules() if type(m).__name__ == "Linear4bit")
    assert not getattr(module.weight.quant_state, "packing_format_for_cpu", False), name
    module.weight.quant_state.packing_format_for_cpu = True
    with pytest.raises(LoaderError, match="Load it again"):
        finish(model.train(make_request(tmp_path / "a")))
    with prepared(model.model, training=False):
        pass  # measuring needs no gradients


def test_repacking_is_off_while_a_run_lasts_and_on_again_after_it(load, tiny_folder):
    model = load(tiny_folder, dtype="float32", bits=4).model
    packed = [module for module in model.modules() if type(module).__name__ == "Linear4bit"]
    for module in packed:
        module.support_avx512bf16_for_cpu = True
    with prepared(model, training=True):
        assert not any(module.support_avx512bf16_for_cpu for module in packed)
    assert all(module.support_avx512bf16_for_cpu for module in packed)


def test_a_slow_cpu_computes_in_float32_and_leaves_the_16_bit_weights(tiny_model, samples, monkeypatch):
    monkeypatch.setattr("loader_kit.training.prepared.has_bfloat16", bool)
    model = copy.deepcopy(tiny_model).bfloat16()
    exact = copy.deepcopy(model).float()
    before = {name: id(one) for name, one in model.named_parameters()}
    loss, ours, _ = gradients(model, samples)
    expected, theirs, _ = gradients(exact, samples)
    assert {name: id(one) for name, one in model.named_parameters()} == before
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert loss == expected
    assert far_apart(ours, theirs) == 0


def test_a_slow_cpu_without_memory_converts_for_each_product(tiny_model, samples, monkeypatch):
    monkeypatch.setattr("loader_kit.training.prepared.has_bfloat16", bool)
    monkeypatch.setattr("loader_kit.training.prepared.available_memory", int)
    model = copy.deepcopy(tiny_model).bfloat16()
    with prepared(model, training=True) as ready:
        assert ready.widen
    loss, ours, _ = gradients(model, samples)
    expected, theirs, _ = gradients(copy.deepcopy(model).float(), samples)
    # Everything between the products is still rounded to 8 bits of mantissa.
    assert loss == pytest.approx(expected, rel=0.02)
    assert far_apart(ours, theirs) < 0.3


def test_bfloat16_is_computed_in_where_the_cpu_has_it(tiny_model, samples, monkeypatch):
    monkeypatch.setattr("loader_kit.training.prepared.has_bfloat16", lambda: True)
    model = copy.deepcopy(tiny_model).bfloat16()
    loss, ours, _ = gradients(model, samples)
    expected, _, _ = gradients(copy.deepcopy(model).float(), samples)
    assert loss == pytest.approx(expected, rel=0.02)
    assert all(one.dtype == torch.float32 and torch.isfinite(one).all() for one in ours.values())
