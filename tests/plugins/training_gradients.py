"""Losses and gradients of the product's own step, and of plain PEFT row by row."""

from __future__ import annotations

import torch

from desktop.api import TrainSettings
from loader_kit.training.adapter import TrainedAdapter
from loader_kit.training.prepared import prepared
from loader_kit.training.stepping import Stepper
from loader_kit.training.writing import write_folder
from tests.plugins.training_making import peft_model

SETTINGS = TrainSettings(rank=4, alpha=8, seed=3, max_grad_norm=0)


def stirred(model, settings=SETTINGS):
    """An adapter whose B is not zero, so that every factor has a gradient."""
    adapter = TrainedAdapter(model, settings, "tiny/llama")
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for site in adapter.sites.values():
            site.b.copy_(torch.randn(site.b.shape, generator=random) / 8)
            if site.magnitude is not None:
                site.magnitude.mul_(1 + torch.rand(site.magnitude.shape, generator=random) / 4)
    return adapter


def gradients(model, samples, settings=SETTINGS, at_once=10_000, adapter=None):
    """Loss and gradients by name, from the product's own step."""
    with prepared(model, training=True, checkpointing=settings.gradient_checkpointing) as ready:
        adapter = adapter or stirred(model, settings)
        adapter.enter()
        try:
            stepper = Stepper(model, settings, adapter, ready.widen)
            found = stepper.gradients(samples, at_once)
        finally:
            adapter.leave()
    named = dict(zip(adapter.tensors(), (parameter.grad for parameter in adapter.parameters), strict=True))
    return found.loss, named, stepper.forward


def reference(model, adapter, samples, folder, merged=None):
    """The same from plain PEFT: row by row, mean over all tokens that count."""
    write_folder(folder, adapter.files())
    peft = peft_model(model, folder)
    labels = sum(sample.labels for sample in samples)
    total = 0.0
    for sample in samples:
        logits = peft(input_ids=sample.ids[None]).logits[0, :-1].float()
        wanted = sample.ids[1:].masked_fill(~sample.trained[1:], -100)
        loss = torch.nn.functional.cross_entropy(logits, wanted, ignore_index=-100, reduction="sum") / labels
        loss.backward()
        total += float(loss.detach())
    found = {_as_written(name): one.grad for name, one in peft.named_parameters() if one.grad is not None}
    return total, found


def _as_written(name):
    """A parameter's name as PEFT writes it into an adapter's file."""
    return name.replace(".default", "").replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def far_apart(ours, theirs):
    """The largest relative difference of any tensor's gradient."""
    assert ours.keys() == theirs.keys()
    return max(float((ours[name] - theirs[name]).norm() / theirs[name].norm()) for name in ours)
