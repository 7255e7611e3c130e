"""The starter model in 4 bits: how much worse it predicts text that it was not calibrated on, beside GPTQModel's.

GPTQModel runs in an interpreter of its own, made at the first run and kept; it takes many minutes.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from importlib.resources import files
from pydoc_data.topics import topics
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from desktop.api import LoadRequest, LogitsRequest, QuantizeRequest
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.library.home import Home
from desktop.library.settings import read_settings_file
from loader_kit.quantising.calibration import read_blocks
from loader_kit.quantising.scheme import Scheme
from loader_kit.quantising.solve import round_to_nearest
from tests.acceptance import gptqmodel_quantising
from tests.contract.opening import PATIENCE, plugins_of
from tests.contract.own_interpreters import give_interpreter
from tests.plugins.gptq_loaders import load_with

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

HELD_OUT = 5
"""Every fifth row of the text is held out: it is measured on, and the others calibrate."""
BLOCKS = 80
"""Blocks of 512 tokens to measure on besides: the held-out rows alone are 2,048 tokens, on which two ways of quantising
differ by chance more than in truth."""
KERNEL = 1.5
"""How far logits on GPTQModel's kernel may be from the exact ones, in what ours are off; both in bfloat16."""


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


@pytest.fixture(scope="module")
def ours(starter_folder, texts, tmp_path_factory):
    """The starter, its copy in 4 bits that we made, the report, and the blocks to measure on."""
    from transformers_loader.loading import load_model

    folder = tmp_path_factory.mktemp("ours") / "out"
    model = load_model(LoadRequest(path=str(starter_folder)), lambda *_: None)
    request = QuantizeRequest(
        folder=str(folder), group_size=32, act_order=True, calibration=str(texts / "calibrate.jsonl")
    )
    report = model.quantize(request, lambda *_: None)
    held_out = read_blocks(str(texts / "measure.jsonl"), model.tokenizer, 512, BLOCKS)
    blocks = torch.cat([held_out, python_s_own_documentation(model.tokenizer)])
    return SimpleNamespace(model=model, folder=folder, report=report, blocks=blocks)


def python_s_own_documentation(tokenizer):
    """Blocks of what `help()` tells of Python's language: every Python has it, and nothing was calibrated on it."""
    text = "\n\n".join(topics[name] for name in sorted(topics))
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"][: BLOCKS * 512]
    return torch.tensor(ids).view(-1, 512)


@pytest.fixture(scope="module")
def gptqmodel_home(plugin_folders, tmp_path_factory):
    """A home whose AutoGPTQ loader runs where GPTQModel is; and that interpreter."""
    home = Home(tmp_path_factory.mktemp("home"))
    with plugins_of(*plugin_folders):
        return home, give_interpreter(home, "gptqmodel")


@pytest.fixture(scope="module")
def theirs(starter_folder, ours, texts, gptqmodel_home, tmp_path_factory):
    """The folder that GPTQModel made of the starter with the same blocks of tokens and the same settings."""
    folder = tmp_path_factory.mktemp("theirs")
    blocks = read_blocks(str(texts / "calibrate.jsonl"), ours.model.tokenizer, 8192, 128)
    assert blocks.numel() == ours.report.tokens
    (folder / "blocks.json").write_text(json.dumps(blocks.tolist()), "utf-8")
    command = [gptqmodel_home[1], gptqmodel_quantising.__file__, starter_folder, folder / "blocks.json", folder / "out"]
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    alone["GPTQMODEL_CPU_WORKERS"] = "2"  # it expects more cores than a small machine has
    made = subprocess.run([*map(str, command)], env=alone, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-3000:]
    return folder / "out"


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


def test_the_starter_in_4_bits_predicts_nearly_as_well(ours, capsys):
    report = ours.report
    # In float32, where only the weights make a difference; on many CPUs it is faster than bfloat16 as well.
    network = ours.model.model.float()
    original = {layer.name: network.get_parameter(f"{layer.name}.weight").data for layer in report.layers}
    figures = {"bf16": perplexity(network, ours.blocks)}
    scheme = Scheme(4, 32, search=False)
    put(network, {name: round_to_nearest(weight, scheme).weight() for name, weight in original.items()})
    figures["nearest"] = perplexity(network, ours.blocks)
    tensors = load_file(ours.folder / "model.safetensors")
    put(network, {name: read_4_bits(tensors, name) for name in original})
    figures["gptq"] = perplexity(network, ours.blocks)
    with capsys.disabled():
        print(
            f"\n{report.tokens:,} tokens, {report.seconds:.0f} s; perplexity over {ours.blocks.numel():,} tokens: "
            f"{figures}"
        )
    assert figures["gptq"] <= 1.15 * figures["bf16"]
    assert figures["gptq"] < figures["nearest"]
    assert len(original) == 210
    assert report.bytes_after < 0.5 * report.bytes_before


def test_it_predicts_no_worse_than_gptqmodel_s(ours, theirs, capsys):
    figures = {}
    for name, folder in {"ours": ours.folder, "GPTQModel's": theirs}.items():
        loaded = load_with("autogptq", folder, dtype="float32", device="cpu", settings={"engine": "ours"})
        figures[name] = perplexity(loaded.model, ours.blocks)
    with capsys.disabled():
        print(f"\nperplexity over {ours.blocks.numel():,} tokens: {figures}")
    assert figures["ours"] <= figures["GPTQModel's"]


def logits(home, folder, engine, prompt, dtype="bfloat16"):
    """Of every position of a prompt, on the kernels of an engine; and what the loader says of them."""
    with Loaders(home, read_settings_file(home.settings_file)) as loaders:
        found = loaders.find("autogptq")
        client = EngineClient(loaders.launch(found.ref), found.ref, home.logs)
    try:
        client.start()
        request = LoadRequest(path=str(folder), dtype=dtype, device="cpu", settings={"engine": engine})
        info = client.load(request).result(5 * PATIENCE)
        # Some kernels pack their weights anew in the first pass.
        for _ in range(2):
            told = client.logits(LogitsRequest(prompt=prompt, last=10_000)).result(5 * PATIENCE)
    finally:
        client.close()
    return np.frombuffer(told.data, "<f4"), info.notes


def test_our_linear_and_gptqmodel_s_kernel_agree(ours, gptqmodel_home, plugin_folders, tmp_path, capsys):
    prompt = ours.model.tokenizer.decode(ours.blocks[0][:64])
    with plugins_of(*plugin_folders):
        there, notes = logits(gptqmodel_home[0], ours.folder, "gptqmodel", prompt)
        here, _ = logits(Home(tmp_path), ours.folder, "ours", prompt)
        exact, _ = logits(Home(tmp_path), ours.folder, "ours", prompt, "float32")
    assert notes[0].startswith("Computed by GPTQModel (")
    off = {
        name: float(np.abs(some - exact).max() / np.abs(exact).max())
        for name, some in (("ours", here), ("theirs", there))
    }
    off["apart"] = float(np.abs(there - here).max() / np.abs(exact).max())
    with capsys.disabled():
        print(f"\n{notes[0]} Off from float32, of the largest logit: {off}")
    assert 0 < off["theirs"] <= KERNEL * off["ours"]
    assert 0 < off["apart"] <= KERNEL * off["ours"]
