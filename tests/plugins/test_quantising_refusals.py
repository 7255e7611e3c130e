"""What can't be quantised is said in words, before anything is written; what is cancelled leaves nothing."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple

import pytest
import torch

from desktop.api import LoaderError, Lora, QuantizeRequest, Unsupported
from loader_kit.quantising import writing
from loader_kit.quantising.layers import find_layers
from tests import tiny
from tests.plugins.families import make_family

Usage = namedtuple("Usage", "total used free")


def quiet(step, fraction=None):
    """Nobody watches."""


@pytest.fixture
def model(load, tiny_folder):
    return load(tiny_folder)


@pytest.fixture
def refused(model, tmp_path):
    """Quantising like this is refused in these words, and nothing has been written."""

    def check(words, model=model, **request):
        there = sorted(path.name for path in tmp_path.iterdir())
        with pytest.raises(LoaderError, match=words) as caught:
            model.quantize(QuantizeRequest(folder=str(tmp_path / "out"), **request), quiet)
        assert sorted(path.name for path in tmp_path.iterdir()) == there
        return caught.value

    return check


def test_what_exists_is_not_overwritten(refused, tmp_path):
    (tmp_path / "out").mkdir()
    refused("exists already")


def test_a_disk_too_full_is_said_before_it_starts(refused, tmp_path, monkeypatch):
    asked = []

    def usage(path):
        asked.append(path)
        return Usage(10**12, 10**12, 10**6)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    refused(r"takes 0\.07 GB and .* has 0\.00 GB free")
    assert asked == [tmp_path]


def test_a_disk_that_fills_up_is_said_and_leaves_nothing(refused, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    refused(r"can't be written \(No space left on device\)", samples=1)


def test_the_estimate_is_what_is_written(model, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "SPARE", 0)
    asked = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or Usage(0, 0, 10**12))
    said = []

    def note(target, kept, linears, scheme):
        said.append(sum(tensor.numel() * tensor.element_size() for tensor in kept.values()))
        said.append(sum(writing.packed_bytes(linear, scheme) for linear in linears.values()))

    monkeypatch.setattr("loader_kit.quantising.making.refuse_full_disk", note)
    report = model.quantize(QuantizeRequest(folder=str(tmp_path / "out"), samples=1, bits=3), quiet)
    header = report.bytes_after - sum(said)
    assert 0 < header < 16_000


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.txt", None, "gone.txt can't be read .No such file"),
        ("empty.txt", b"", "holds 0 tokens, too few"),
        ("short.txt", b"Too short to say anything.", "too few to calibrate with"),
        ("image.txt", b"\x89PNG\xff\xfe\x00", "is no text in UTF-8"),
        ("nulls.txt", b"text \x00" * 500, "holds binary data"),
        ("broken.json", b'[{"text": ', "is no proper JSON"),
        ("object.json", b'{"text": "one"}', "is no list of rows"),
        ("rows.jsonl", b'{"text": "good"}\n{"texts": "bad"}\n', "Row 2 of .* has no text"),
        ("numbers.json", b'[{"instruction": "a", "output": 3}]', "Row 1 of"),
        ("deep.json", b"[" * 100_000, "is no proper JSON"),
    ],
)
def test_a_calibration_text_that_is_none(refused, tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused(words, calibration=str(tmp_path / name))


def test_a_folder_is_no_calibration_text(refused, tmp_path):
    refused("can't be read", calibration=str(tmp_path))


def test_a_quantised_base_is_refused(load, tiny_folder, refused):
    error = refused("quantised already", model=load(tiny_folder, bits=4))
    assert isinstance(error, Unsupported)


def test_adapters_must_be_off(model, tiny_model, refused, tmp_path):
    tiny.make_adapter(tmp_path / "pirate", tiny_model)
    model.stack.apply(Lora(id="a", name="pirate", path=str(tmp_path / "pirate")))
    refused("Take the adapters off", model=model)


def test_linears_of_odd_sizes_are_named(load, refused, tmp_path):
    tiny.make_model(tmp_path / "odd", intermediate_size=72)
    error = refused(r"model.layers.0.mlp.\w+ has (64|72) inputs", model=load(tmp_path / "odd"))
    assert isinstance(error, Unsupported)


def test_a_model_without_plain_linears_is_named():
    from loader_kit.quantising.making import quantise

    request = QuantizeRequest(folder="/nowhere/out")
    with pytest.raises(Unsupported, match="GPT2LMHeadModel have no plain linears"):
        quantise(make_family("gpt2"), None, None, request, quiet)
    model = make_family("llama")
    model.config.num_hidden_layers = 5
    with pytest.raises(Unsupported, match="has no list of decoder layers"):
        find_layers(model)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("calls", [1, 2, 9, 30, 45])
def test_cancelled_anywhere_it_leaves_nothing_and_the_model_is_whole(model, tiny_model, tmp_path, calls):
    left = calls

    def stop(step, fraction=None):
        nonlocal left
        left -= 1
        if not left:
            raise Stopped

    with pytest.raises(Stopped):
        model.quantize(QuantizeRequest(folder=str(tmp_path / "new" / "out"), samples=4), stop)
    assert list((tmp_path / "new").iterdir()) == []
    ids = torch.tensor([[3, 17, 42, 5]])
    with torch.no_grad():
        assert torch.equal(model.model(input_ids=ids).logits, tiny_model(input_ids=ids).logits)
    assert all("forward" not in layer.module.__dict__ for layer in find_layers(model.model))
    assert not any(module._forward_pre_hooks for module in model.model.modules())


def test_cancelled_while_writing_it_leaves_nothing(model, tmp_path):
    def stop(step, fraction=None):
        if step.startswith("Writing"):
            raise Stopped

    with pytest.raises(Stopped):
        model.quantize(QuantizeRequest(folder=str(tmp_path / "out"), samples=1), stop)
    assert list(tmp_path.iterdir()) == []


def test_the_progress_never_goes_back(model, tmp_path):
    heard = []
    model.quantize(QuantizeRequest(folder=str(tmp_path / "out"), samples=4), lambda *said: heard.append(said))
    shares = [share for _, share in heard if share is not None]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.85 < shares[-1] <= 1
    assert [step for step, _ in heard if step.startswith("Quantising")][-1] == "Quantising layer 2 of 2"


def test_rows_in_every_shape_make_the_same_text(tmp_path, tiny_folder):
    from transformers import AutoTokenizer

    from loader_kit.quantising.calibration import read_blocks

    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    rows = [{"instruction": f"Say {n}.", "input": "", "output": f"This is number {n}."} for n in range(40)]
    talk = [
        {"messages": [{"role": "user", "content": r["instruction"]}, {"role": "assistant", "content": r["output"]}]}
        for r in rows
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    (tmp_path / "talk.jsonl").write_text("\n".join(json.dumps(row) for row in talk))
    one = read_blocks(str(tmp_path / "rows.json"), tokenizer, 128, 100)
    other = read_blocks(str(tmp_path / "talk.jsonl"), tokenizer, 128, 100)
    assert torch.equal(one, other)
    assert one.shape[1] == 128
    assert tokenizer.decode(one[0]).startswith("<|im_start|>user\nSay 0.<|im_end|>\n<|im_start|>assistant\nThis is")
    few = read_blocks(str(tmp_path / "rows.json"), tokenizer, 128, 3)
    assert torch.equal(few[[0, 2]], one[[0, -1]])
    assert any(torch.equal(few[1], block) for block in one[1:-1])
