"""Training magnitudes: losses, gradients and results are those of PEFT's DoRA."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from autogptq_loader.kernel_linear import KernelLinear
from desktop.api import GenerateRequest, LoaderError, Lora, Sampled, Sampling, StepDone, TrainSettings, Unsupported
from loader_kit.training.adapter import TrainedAdapter
from loader_kit.training.dora_site import DoraSite
from loader_kit.training.refusals import refuse_what_cannot_be
from loader_kit.training.samples import make_samples
from loader_kit.training.writing import write_folder
from tests import tiny
from tests.plugins.gptq_loaders import load_with, plain_twin
from tests.plugins.gptq_writer import write_checkpoint
from tests.plugins.test_training_quantised import written_out
from tests.plugins.training_gradients import SETTINGS, far_apart, gradients, reference, stirred
from tests.plugins.training_making import finish, make_request, make_rows, of, peft_model

SAMPLE = GenerateRequest(prompt="the quick", sampling=Sampling(greedy=True), max_new_tokens=5)


def dora(**changes):
    return TrainSettings(**({"rank": 4, "alpha": 8, "seed": 3, "max_grad_norm": 0, "dora": True} | changes))


@pytest.fixture(scope="module")
def samples(tiny_folder):
    from transformers import AutoTokenizer

    return make_samples(AutoTokenizer.from_pretrained(tiny_folder), make_rows(6), SETTINGS).samples


@pytest.mark.parametrize(
    "changes",
    [{}, {"packing": False}, {"rslora": True, "targets": "attention"}, {"gradient_checkpointing": True}],
)
def test_losses_and_gradients_equal_pefts(tiny_model, samples, tmp_path, changes):
    settings = dora(**changes)
    loss, ours, _ = gradients(copy.deepcopy(tiny_model), samples, settings)
    expected, theirs = reference(tiny_model, stirred(tiny_model, settings), samples, tmp_path / "adapter")
    assert len(ours) == 3 * (8 if settings.rslora else 14)
    assert loss == pytest.approx(expected, rel=1e-6)
    assert far_apart(ours, theirs) < 1e-5


def test_conv1d_linears_with_biases(tmp_path, samples):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=320, n_positions=256, n_embd=64, n_layer=2, n_head=4, resid_pdrop=0, attn_pdrop=0)
    config.embd_pdrop = 0
    model = GPT2LMHeadModel(config).eval()
    for name, bias in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(bias, std=0.1)
    loss, ours, _ = gradients(model, samples, dora())
    expected, theirs = reference(model, stirred(model, dora()), samples, tmp_path / "adapter")
    assert loss == pytest.approx(expected, rel=1e-6)
    assert far_apart(ours, theirs) < 1e-5


def test_dropout_is_pefts():
    """One linear with the same numbers left out: what comes out, and every gradient."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    linear = torch.nn.Linear(48, 32).requires_grad_(False)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["0"], use_dora=True, lora_dropout=0.3)
    peft = get_peft_model(torch.nn.Sequential(copy.deepcopy(linear)), config).train()
    layer = peft.base_model.model[0]
    theirs = [layer.lora_A.default.weight, layer.lora_B.default.weight, layer.lora_magnitude_vector.default.weight]
    site = DoraSite(linear.train(), 4, 2.0, 0.3)
    ours = [site.a, site.b, site.magnitude]
    with torch.no_grad():
        theirs[1].normal_(0, 0.1)
        theirs[2].mul_(1.1)
        for mine, other in zip(ours, theirs, strict=True):
            mine.copy_(other)
    x = torch.randn(7, 48, requires_grad=True)
    site.enter()
    found = []
    for module, parameters in ((linear, ours), (peft, theirs)):
        torch.manual_seed(5)
        y = module(x)
        found.append([y, *torch.autograd.grad(y.square().mean(), [x, *parameters])])
    site.leave()
    for mine, other in zip(*found, strict=True):
        assert (mine - other).abs().max() <= 1e-5 * other.abs().max()


@pytest.mark.parametrize("how", [{"act_order": True}, {"writer": "v2", "bits": 3, "group_size": -1}])
def test_gptq_is_trained_as_its_plain_weights(tmp_path, tiny_folder, samples, how):
    write_checkpoint(tmp_path / "model", tiny_folder, **how)
    model = load_with("autogptq", tmp_path / "model", dtype="float32").model
    loss, ours, _ = gradients(model, samples, dora())
    expected, plain, _ = gradients(plain_twin(model), samples, dora())
    assert loss == pytest.approx(expected, rel=1e-6)
    assert far_apart(ours, plain) < 1e-4


@pytest.mark.parametrize(("bits", "loss_apart", "gradients_apart"), [(4, 1e-5, 1e-3), (8, 0.02, 0.1)])
def test_8_and_4_bits_are_trained_as_the_weights_written_out(
    load, tiny_folder, samples, bits, loss_apart, gradients_apart
):
    pytest.importorskip("bitsandbytes")
    model = load(tiny_folder, dtype="float32", bits=bits).model
    twin = written_out(model)
    loss, ours, _ = gradients(model, samples, dora())
    expected, plain, _ = gradients(twin, samples, dora())
    assert loss == pytest.approx(expected, rel=loss_apart)
    assert far_apart(ours, plain) < gradients_apart


def test_16_bit_weights_on_a_slow_cpu_are_computed_in_float32(tiny_model, samples, monkeypatch):
    monkeypatch.setattr("loader_kit.training.prepared.has_bfloat16", bool)
    model = copy.deepcopy(tiny_model).bfloat16()
    exact = copy.deepcopy(model).float()
    loss, ours, _ = gradients(model, samples, dora())
    expected, theirs, _ = gradients(exact, samples, dora())
    assert loss == expected
    # The magnitudes were stirred from norms of the same numbers.
    assert far_apart(ours, theirs) < 1e-5


def test_a_run_resumes_to_the_bit_and_its_adapter_is_pefts(load, tiny_folder, tiny_model, tmp_path):
    model = load(tiny_folder, dtype="float32")
    settings = {"dora": True, "save_every": 2, "keep_checkpoints": 0, "dropout": 0.1, "sample_every": 3}
    request = make_request(tmp_path / "whole", settings=settings, samples=(SAMPLE,))
    plan = model.plan_training(request)
    whole, report = finish(model.train(request))
    assert plan.trainable_parameters == whole[0].trainable_parameters
    assert {event.step for event in of(Sampled, whole)} == {0, 3, 6}
    losses = [event.loss for event in of(StepDone, whole)]
    assert losses[-1] < losses[0]
    checkpoint = f"{request.folder}/checkpoints/step-2"
    again = make_request(tmp_path / "again", settings=settings, resume_from=checkpoint, samples=(SAMPLE,))
    events, resumed = finish(model.train(again))
    assert [event.loss for event in of(StepDone, events)] == losses[2:]
    ours, theirs = (load_file(Path(one.folder) / "adapter_model.safetensors") for one in (resumed, report))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert sum("magnitude" in name for name in theirs) == 14

    ids = torch.arange(20)[None]
    with torch.no_grad():
        expected = peft_model(tiny_model, Path(report.folder)).eval()(input_ids=ids).logits
        before = model.model(input_ids=ids).logits
        trained = TrainedAdapter(model.model, request.settings)
        trained.restore(theirs, "the result")
        trained.enter()
        acting = model.model(input_ids=ids).logits
        trained.leave()
        receipt = model.stack.apply(Lora(id="d", name="d", path=report.folder))
        attached = model.model(input_ids=ids).logits
    assert receipt.kind == "DoRA"
    assert (before - expected).abs().max() > 1e-3
    assert (acting - expected).abs().max() < 1e-5
    assert (attached - expected).abs().max() < 1e-5
    with pytest.raises(Unsupported, match="holds a DoRA adapter"):
        refuse_what_cannot_be(model, dora())


def test_it_continues_from_a_lora_and_from_a_dora(tiny_model, tmp_path):
    """What an adapter does stays the same, whatever alpha the new run has."""
    ids = torch.arange(20)[None]
    for kind in (SETTINGS, dora()):
        folder = tmp_path / f"dora-{kind.dora}"
        write_folder(folder, stirred(tiny_model, kind).files())
        adapter = TrainedAdapter(tiny_model, dora(alpha=2))
        adapter.continue_from(folder)
        with torch.no_grad():
            expected = peft_model(tiny_model, folder).eval()(input_ids=ids).logits
            adapter.enter()
            found = tiny_model(input_ids=ids).logits
            adapter.leave()
        assert (found - expected).abs().max() < 1e-4
    with pytest.raises(LoaderError, match="set dora to true"):
        TrainedAdapter(tiny_model, SETTINGS).continue_from(folder)


def test_it_is_refused_on_top_of_a_stack_and_on_weights_that_are_not_told(load, tiny_folder, tiny_model, tmp_path):
    model = load(tiny_folder, dtype="float32")
    tiny.make_adapter(tmp_path / "worn", tiny_model)
    model.stack.replace([Lora(id="w", name="worn", path=str(tmp_path / "worn"))])
    with pytest.raises(Unsupported, match=r"on top of a stack \(worn\)"):
        refuse_what_cannot_be(model, dora())
    model.stack.replace([])
    write_checkpoint(tmp_path / "model", tiny_folder)
    packed = load_with("autogptq", tmp_path / "model", dtype="float32")
    refuse_what_cannot_be(packed, dora())
    layer = packed.model.model.layers[0].self_attn
    layer.q_proj = KernelLinear(layer.q_proj, layer.q_proj.in_features, layer.q_proj.out_features)
    with pytest.raises(Unsupported, match=r"layers\.0\.self_attn\.q_proj are packed"):
        refuse_what_cannot_be(packed, dora())
