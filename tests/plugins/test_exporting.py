"""A stack written as one adapter or as a merged model is what PEFT and transformers load, with the same logits."""

from __future__ import annotations

import json
import warnings

import pytest
import torch

from desktop.api import ExportRequest, LoaderError
from loader_kit import exporting
from tests.plugins.families import FAMILIES, make_family, targets
from tests.plugins.stack_making import row, write_adapter, write_trained

IDS = torch.tensor([[3, 17, 42, 5, 90]])


def quiet(step, fraction=None):
    """Nobody watches."""


class Tokenizer:
    """Writes one file."""

    def save_pretrained(self, folder):
        (folder / "tokenizer.json").write_text("{}")


@pytest.fixture
def stacked(tmp_path):
    """Makes a model of a family with two adapters of other ranks and targets attached, and one that is off."""
    from loader_kit.adapter_stack import AdapterStack

    def make(family):
        model = make_family(family)
        names = list(targets(model))
        stack = AdapterStack(model)
        paths = [
            write_adapter(tmp_path / "one é.v1", model, names, rank=4, seed=1, use_rslora=True),
            write_adapter(tmp_path / "two", model, names[1::2], rank=7, seed=2),
            write_adapter(tmp_path / "off", model, names, rank=2, seed=3),
        ]
        stack.replace([row(paths[0], 0.7), row(paths[1], -1.5), row(paths[2], enabled=False)])
        return model, stack

    return make


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits


def close(one, other):
    size = float(other.abs().max())
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * size)


def write(model, stack, folder, what):
    return exporting.export(model, Tokenizer(), stack, ExportRequest(folder=str(folder), what=what), quiet)


@pytest.mark.parametrize("family", FAMILIES)
def test_peft_loads_the_one_adapter(family, stacked, tmp_path):
    from peft import PeftModel

    model, stack = stacked(family)
    wanted = logits(model)
    report = write(model, stack, tmp_path / "out", "adapter")
    assert report.rank == 11
    assert report.bytes > 0
    with warnings.catch_warnings():
        # It advises on tied weights; what it computes is the same.
        warnings.simplefilter("ignore")
        peft = PeftModel.from_pretrained(make_family(family), tmp_path / "out").eval()
    close(logits(peft), wanted)


def test_the_one_adapter_attaches_here_too(stacked, tmp_path):
    model, stack = stacked("llama")
    wanted = logits(model)
    write(model, stack, tmp_path / "out", "adapter")
    [receipt] = stack.replace([row(tmp_path / "out")])
    assert receipt.modules_matched == receipt.modules_targeted
    assert receipt.tensors_unused == ()
    close(logits(model), wanted)


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3", "qwen3_moe"])
def test_transformers_loads_the_merged_model(family, stacked, tmp_path):
    from transformers import AutoModelForCausalLM

    model, stack = stacked(family)
    tied = model.config.tie_word_embeddings
    wanted = logits(model)
    write(model, stack, tmp_path / "out", "model")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32).eval()
    close(logits(merged), wanted)
    assert torch.equal(logits(model), wanted)
    assert (stack.mode, model.config.tie_word_embeddings) == ("exact", tied)
    assert (tmp_path / "out" / "tokenizer.json").is_file()
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "| one é.v1 | 0.7 | rsLoRA |" in card
    assert "off" not in card


def test_the_base_named_by_the_adapters_is_named(stacked, tmp_path):
    model, stack = stacked("llama")
    write(model, stack, tmp_path / "out", "adapter")
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "somebody/tiny"
    assert str(tmp_path) not in json.dumps(config)


@pytest.mark.parametrize("what", ["adapter", "model"])
def test_what_exists_is_not_overwritten(stacked, tmp_path, what):
    model, stack = stacked("llama")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(LoaderError, match="exists already"):
        write(model, stack, tmp_path / "out", what)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["mine"]


def test_a_stack_that_does_nothing_is_not_written(stacked, tmp_path):
    model, stack = stacked("llama")
    stack.replace([])
    with pytest.raises(LoaderError, match="nothing to write"):
        write(model, stack, tmp_path / "out", "adapter")


@pytest.mark.parametrize("what", ["adapter", "model"])
def test_what_is_more_than_factors_is_refused_by_name(tmp_path, what):
    from loader_kit.adapter_stack import AdapterStack

    model = make_family("llama")
    stack = AdapterStack(model)
    stack.replace([row(write_trained(tmp_path / "whole", model, "lm_head"))])
    with pytest.raises(LoaderError, match="whole brings more than factors"):
        write(model, stack, tmp_path / "out", what)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["adapter", "model"])
def test_cancelled_or_failed_it_leaves_nothing_behind(stacked, tmp_path, what):
    model, stack = stacked("llama")
    wanted = logits(model)

    class Stopped(Exception):
        pass

    def stop(step, fraction=None):
        if step.startswith("Writing"):
            raise Stopped

    request = ExportRequest(folder=str(tmp_path / "new" / "out"), what=what)
    with pytest.raises(Stopped):
        exporting.export(model, Tokenizer(), stack, request, stop)
    assert list((tmp_path / "new").iterdir()) == []
    assert stack.mode == "exact"
    assert torch.equal(logits(model), wanted)


def test_a_full_disk_is_said_in_words(stacked, tmp_path, monkeypatch):
    model, stack = stacked("llama")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(LoaderError, match=r"can't be written \(No space left on device\)"):
        write(model, stack, tmp_path / "out", "adapter")
    assert not (tmp_path / "out").exists()
