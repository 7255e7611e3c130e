"""Training on quantised bases: gradients are those of the same weights written out, and a run leaves the base alone."""

from __future__ import annotations

import copy

import pytest
import torch

from autogptq_loader.kernel_linear import KernelLinear
from desktop.api import Evaluated, Lora, TrainSettings, Unsupported
from tests import tiny
from tests.plugins.gptq_loaders import load_with, plain_twin
from tests.plugins.gptq_writer import write_checkpoint
from tests.plugins.training_gradients import SETTINGS, far_apart, gradients, stirred
from tests.plugins.training_making import finish, make_request, make_rows, of

EXACT = 1e-4
"""Relative difference of gradients that are computed in float32 from equal weights: their sums have another order."""
CHECKPOINTS = [
    # loader, what is written
    ("autogptq", {}),
    ("autogptq", {"act_order": True}),
    ("autogptq", {"writer": "v2", "bits": 3, "group_size": -1}),
    ("autogptq", {"writer": "gptqmodel", "bits": 8, "act_order": True}),
    ("gptq_llama", {"era": "zeros", "group_size": -1, "file": "tiny-4bit.pt"}),
    ("gptq_llama", {"era": "qzeros", "bits": 2, "file": "tiny-2bit-32g.safetensors"}),
]


@pytest.fixture(scope="module")
def samples(tiny_folder):
    from transformers import AutoTokenizer

    from loader_kit.training.samples import make_samples

    return make_samples(AutoTokenizer.from_pretrained(tiny_folder), make_rows(6), SETTINGS).samples


def open_gptq(tmp_path, tiny_folder, loader, how, **request):
    own = {"writer": "gptq_for_llama", "config": False} if loader == "gptq_llama" else {}
    write_checkpoint(tmp_path / "model", tiny_folder, **(own | how))
    return load_with(loader, tmp_path / "model", **request)


def buffers(model):
    return {name: tensor.clone() for name, tensor in model.named_buffers()}


@pytest.mark.parametrize(("loader", "how"), CHECKPOINTS, ids=lambda value: value if isinstance(value, str) else None)
def test_gradients_on_gptq_are_those_of_the_plain_weights(tmp_path, tiny_folder, samples, loader, how):
    model = open_gptq(tmp_path, tiny_folder, loader, how, dtype="float32").model
    before = buffers(model)
    loss, ours, forward = gradients(model, samples)
    expected, plain, _ = gradients(plain_twin(model), samples)
    assert forward.packed
    assert forward.lean
    assert len(ours) == 2 * 14
    assert loss == pytest.approx(expected, rel=1e-6)
    assert far_apart(ours, plain) < EXACT
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.named_buffers())


@pytest.mark.parametrize("changes", [{"gradient_checkpointing": True}, {"packing": False}])
def test_computing_twice_and_padding_change_nothing_on_gptq(tmp_path, tiny_folder, samples, changes):
    model = open_gptq(tmp_path, tiny_folder, "autogptq", {"act_order": True}, dtype="float32").model
    loss, ours, _ = gradients(model, samples)
    settings = TrainSettings(rank=4, alpha=8, seed=3, max_grad_norm=0, **changes)
    again, others, _ = gradients(model, samples, settings)
    assert again == pytest.approx(loss, rel=1e-6)
    assert far_apart(others, ours) < EXACT


@pytest.mark.parametrize("slow", [True, False])
def test_a_gptq_base_that_answers_through_the_4_bit_kernel_learns_without_it(
    tmp_path, tiny_folder, samples, slow, monkeypatch
):
    """The kernel has no gradient. Where the CPU is slow in 16 bits, everything around the packed weights is float32."""
    monkeypatch.setattr("loader_kit.training.prepared.has_bfloat16", lambda: not slow)
    model = open_gptq(tmp_path, tiny_folder, "autogptq", {}, device="cpu").model
    assert model.model.layers[0].self_attn.q_proj.has_kernel
    loss, ours, _ = gradients(model, samples)
    expected, plain, _ = gradients(plain_twin(model), samples)
    # In 16 bits everything between the products is rounded to 8 bits of mantissa.
    assert loss == pytest.approx(expected, rel=1e-6 if slow else 0.02)
    assert far_apart(ours, plain) < (EXACT if slow else 0.3)


def test_a_whole_run_on_gptq_on_top_of_a_stack(tmp_path, tiny_folder):
    """The loss falls, the result is attached, and without it the logits are what they were, to the bit."""
    model = open_gptq(tmp_path, tiny_folder, "autogptq", {"act_order": True}, dtype="float32")
    twin = plain_twin(model.model)
    tiny.make_adapter(tmp_path / "worn", twin, alpha=2)
    worn = Lora(id="w", name="worn", path=str(tmp_path / "worn"), weight=0.5)
    model.stack.replace([worn])
    ids = torch.arange(20)[None]
    with torch.no_grad():
        before = model.model(input_ids=ids).logits
    held_out = make_rows(3)
    request = make_request(
        tmp_path / "a", held_out=held_out, settings={"eval_every": 1, "epochs": 4, "learning_rate": 2e-2}
    )
    events, report = finish(model.train(request))
    losses = [event.loss for event in of(Evaluated, events)]
    assert losses[-1] < 0.9 * losses[0]
    with torch.no_grad():
        assert torch.equal(model.model(input_ids=ids).logits, before)
    model.stack.replace([worn, Lora(id="n", name="new", path=report.folder)])
    with torch.no_grad():
        assert not torch.equal(model.model(input_ids=ids).logits, before)


def test_kernels_without_a_gradient_are_refused_before_the_first_step(tmp_path, tiny_folder):
    """As those of other programs are, which only answer; ours in their place lets gradients through."""
    model = open_gptq(tmp_path, tiny_folder, "autogptq", {"file": "gptq_model-4bit-32g.safetensors"}, dtype="float32")
    layer = model.model.model.layers[0].self_attn
    ours = layer.q_proj
    layer.q_proj = KernelLinear(ours, ours.in_features, ours.out_features)
    request = make_request(tmp_path / "a", settings={"max_steps": 1})
    assert finish(model.train(request))[1].steps == 1
    own = ours.forward
    ours.forward = lambda x: own(x.detach())
    with pytest.raises(Unsupported, match="let no gradient through"):
        finish(model.train(make_request(tmp_path / "b")))


def written_out(model):
    """A copy whose bitsandbytes linears are plain ones with the weights that their integers stand for, in float32."""
    import bitsandbytes
    from transformers import LlamaForCausalLM

    twin = LlamaForCausalLM(copy.deepcopy(model.config)).eval()
    state = {name: tensor for name, tensor in model.state_dict().items() if name in twin.state_dict()}
    for name, module in model.named_modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            weight = bitsandbytes.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
            state[f"{name}.weight"] = weight
        elif isinstance(module, bitsandbytes.nn.Linear8bitLt):
            scale = module.state.SCB if module.weight.SCB is None else module.weight.SCB
            integers = module.state.CB if module.weight.CB is None else module.weight.CB
            state[f"{name}.weight"] = integers.float() * (scale.float() / 127)[:, None]
    twin.load_state_dict(state)
    return twin.float().requires_grad_(False)


@pytest.mark.parametrize(("bits", "loss_apart", "gradients_apart"), [(4, 1e-5, 1e-3), (8, 0.02, 0.1)])
def test_gradients_in_8_and_4_bits_are_those_of_the_weights_written_out(
    load, tiny_folder, samples, bits, loss_apart, gradients_apart
):
    """In 8 bits what goes into a product is rounded to 8 bits as well, which is no error of the weights."""
    pytest.importorskip("bitsandbytes")
    model = load(tiny_folder, dtype="float32", bits=bits).model
    twin = written_out(model)
    adapter = stirred(model)
    loss, ours, _ = gradients(model, samples, adapter=adapter)
    expected, plain, _ = gradients(twin, samples)
    assert loss == pytest.approx(expected, rel=loss_apart)
    assert far_apart(ours, plain) < gradients_apart
