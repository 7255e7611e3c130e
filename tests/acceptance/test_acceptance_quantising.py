"""The starter model in 4 bits: how much worse it predicts text that it was not calibrated on."""

from __future__ import annotations

import json
import math
from importlib.resources import files

import pytest
import torch
from safetensors.torch import load_file

from desktop.api import LoadRequest, QuantizeRequest
from loader_kit.quantising.calibration import read_blocks
from loader_kit.quantising.scheme import Scheme
from loader_kit.quantising.solve import round_to_nearest

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

HELD_OUT = 5
"""Every fifth row of the text is held out: it is measured on, and the others calibrate."""


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """The calibration text that comes along, split in two: to calibrate with, and to measure on."""
    folder = tmp_path_factory.mktemp("texts")
    lines = files("loader_kit.quantising").joinpath("calibration.jsonl").read_text("utf-8").splitlines()
    parts = {
        "calibrate": [line for number, line in enumerate(lines) if number % HELD_OUT],
        "measure": lines[::HELD_OUT],
    }
    for name, some in parts.items():
        (folder / f"{name}.jsonl").write_text("\n".join(some), "utf-8")
    assert not {json.dumps(json.loads(line)) for line in parts["calibrate"]} & set(parts["measure"])
    return folder


@torch.no_grad()
def perplexity(model, blocks):
    total = tokens = 0
    for block in blocks:
        logits = model(input_ids=block[None], use_cache=False).logits[0, :-1]
        total += float(torch.nn.functional.cross_entropy(logits, block[1:], reduction="sum"))
        tokens += len(block) - 1
    return math.exp(total / tokens)


def read_4_bits(tensors, name):
    """The weight (out, in) of a packed linear, read as its layout says."""
    qweight, qzeros = tensors[f"{name}.qweight"], tensors[f"{name}.qzeros"]
    shifts = torch.arange(0, 32, 4)
    codes = (qweight[:, None, :] >> shifts[None, :, None] & 15).reshape(-1, qweight.shape[1])
    zeros = (qzeros[:, :, None] >> shifts & 15).reshape(qzeros.shape[0], -1) + 1
    index = tensors[f"{name}.g_idx"].long()
    return ((codes - zeros[index]) * tensors[f"{name}.scales"].float()[index]).T


def put(model, weights):
    modules = dict(model.named_modules())
    for name, weight in weights.items():
        modules[name].weight = torch.nn.Parameter(weight.float(), requires_grad=False)


def test_the_starter_in_4_bits_predicts_nearly_as_well(starter_folder, texts, tmp_path, capsys):
    from transformers_loader.loading import load_model

    model = load_model(LoadRequest(path=str(starter_folder)), lambda *_: None)
    request = QuantizeRequest(
        folder=str(tmp_path / "out"), group_size=32, act_order=True, calibration=str(texts / "calibrate.jsonl")
    )
    report = model.quantize(request, lambda *_: None)
    # In float32, where only the weights make a difference; on many CPUs it is faster than bfloat16 as well.
    network = model.model.float()
    blocks = read_blocks(str(texts / "measure.jsonl"), model.tokenizer, 512, 64)
    original = {layer.name: network.get_parameter(f"{layer.name}.weight").data for layer in report.layers}
    figures = {"bf16": perplexity(network, blocks)}
    scheme = Scheme(4, 32, search=False)
    put(network, {name: round_to_nearest(weight, scheme).weight() for name, weight in original.items()})
    figures["nearest"] = perplexity(network, blocks)
    tensors = load_file(tmp_path / "out" / "model.safetensors")
    put(network, {name: read_4_bits(tensors, name) for name in original})
    figures["gptq"] = perplexity(network, blocks)
    with capsys.disabled():
        print(
            f"\n{report.tokens:,} tokens, {report.seconds:.0f} s; perplexity over {blocks.numel():,} tokens: {figures}"
        )
    assert figures["gptq"] <= 1.15 * figures["bf16"]
    assert figures["gptq"] < figures["nearest"]
    assert len(original) == 210
    assert report.bytes_after < 0.5 * report.bytes_before
