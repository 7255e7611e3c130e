"""Gradients against PEFT's, packed against padded, and no row that leaks into another."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from desktop.api import LoaderError, TrainSettings
from loader_kit.training.adapter import TrainedAdapter
from loader_kit.training.batches import Micro, split
from loader_kit.training.samples import make_samples
from loader_kit.training.stepping import Stepper
from tests import tiny
from tests.plugins.training_gradients import SETTINGS, far_apart, gradients, reference, stirred
from tests.plugins.training_making import make_rows


@pytest.fixture(scope="module")
def samples(tiny_folder):
    from transformers import AutoTokenizer

    return make_samples(AutoTokenizer.from_pretrained(tiny_folder), make_rows(6), SETTINGS).samples


@pytest.mark.parametrize("packing", [True, False])
def test_gradients_equal_pefts(tiny_model, samples, tmp_path, packing):
    model = copy.deepcopy(tiny_model)
    settings = TrainSettings(rank=4, alpha=8, seed=3, max_grad_norm=0, packing=packing)
    loss, ours, forward = gradients(model, samples, settings)
    expected, theirs = reference(tiny_model, stirred(tiny_model), samples, tmp_path / "adapter")
    assert forward.packed == packing
    assert forward.lean
    assert len(ours) == 28
    assert loss == pytest.approx(expected, rel=1e-6)
    assert far_apart(ours, theirs) < 1e-5


def test_gradients_equal_pefts_with_rslora_on_the_attention_alone(tiny_model, samples, tmp_path):
    settings = TrainSettings(rank=4, alpha=8, max_grad_norm=0, rslora=True, targets="attention")
    model = copy.deepcopy(tiny_model)
    loss, ours, _ = gradients(model, samples, settings)
    expected, theirs = reference(tiny_model, stirred(tiny_model, settings), samples, tmp_path / "adapter")
    assert len(ours) == 16
    assert loss == pytest.approx(expected, rel=1e-6)
    assert far_apart(ours, theirs) < 1e-5


def test_gradients_equal_pefts_where_the_head_is_trained_too(tiny_folder, samples, tmp_path):
    from transformers import LlamaForCausalLM

    tiny.make_model(tmp_path / "untied", tie_word_embeddings=False)
    base = LlamaForCausalLM.from_pretrained(tmp_path / "untied")
    settings = TrainSettings(rank=4, alpha=8, max_grad_norm=0, targets=("lm_head", "q_proj"))
    loss, ours, forward = gradients(copy.deepcopy(base), samples, settings)
    expected, theirs = reference(base, stirred(base, settings), samples, tmp_path / "adapter")
    assert not forward.lean
    assert loss == pytest.approx(expected, rel=1e-6)
    assert far_apart(ours, theirs) < 1e-5


@pytest.mark.parametrize("changes", [{"gradient_checkpointing": True}, {"packing": False}, {"dropout": 1e-12}])
def test_ways_of_computing_agree(tiny_model, samples, changes):
    model = copy.deepcopy(tiny_model)
    loss, ours, _ = gradients(model, samples)
    other_loss, others, _ = gradients(
        model, samples, TrainSettings(rank=4, alpha=8, seed=3, max_grad_norm=0, **changes)
    )
    assert loss == pytest.approx(other_loss, rel=1e-6)
    assert far_apart(ours, others) < 1e-5


def test_the_result_does_not_depend_on_how_a_batch_is_split(tiny_model, samples):
    model = copy.deepcopy(tiny_model)
    whole_loss, whole, _ = gradients(model, samples)
    split_loss, pieces, _ = gradients(model, samples, at_once=60)
    assert len(split(samples, 60, padded=False)) > 2
    assert whole_loss == pytest.approx(split_loss, rel=1e-6)
    assert far_apart(pieces, whole) < 1e-5


def test_no_row_leaks_into_another(tiny_model, samples):
    model = copy.deepcopy(tiny_model)
    changed = copy.copy(samples[0])
    changed = type(changed)((changed.ids + 7) % 300, changed.trained, changed.source)
    adapter = stirred(model)
    adapter.enter()
    stepper = Stepper(model, SETTINGS, adapter, False)
    assert stepper.forward.layout == "rows"
    found = []
    for first in (samples[0], changed):
        micro = Micro((first, *samples[1:]))
        each = []
        for at in range(6):
            alone = Micro(
                tuple(
                    one if at == number else type(one)(one.ids, torch.zeros_like(one.trained), 0)
                    for number, one in enumerate(micro.samples)
                )
            )
            with torch.no_grad(), stepper.forward.attending(alone):
                each.append(float(stepper.forward.losses(alone).total))
        found.append(each)
    adapter.leave()
    assert found[0][0] != found[1][0]
    assert found[0][1:] == found[1][1:]


def test_factors_start_as_pefts_do(tiny_model):
    adapter = TrainedAdapter(tiny_model, SETTINGS)
    for site in adapter.sites.values():
        bound = 1 / math.sqrt(site.a.shape[1])
        assert not site.b.any()
        assert float(site.a.detach().abs().max()) <= bound
        assert float(site.a.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.2)


def test_an_unknown_target_is_refused_with_the_names_there_are(tiny_model):
    with pytest.raises(LoaderError, match=r"no linear called 'c_attn'. It has down_proj, gate_proj, k_proj"):
        TrainedAdapter(tiny_model, TrainSettings(targets=("q_proj", "c_attn")))
