"""Converting a GGUF: the same model afterwards, whole or not at all."""

from __future__ import annotations

import copy
import errno
import os
import shutil
import stat
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from desktop.api import LoaderError
from desktop.engine.child.failures import failure_from
from tests.starter.gguf_making import make_gguf
from transformers_loader import gguf, probe

Usage = namedtuple("Usage", ["total", "used", "free"])


def names(folder):
    return [entry.name for entry in folder.iterdir()]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A GGUF and the model it was made from."""
    root = tmp_path_factory.mktemp("gguf")
    return root / "tiny v1.0.gguf", make_gguf(root / "tiny v1.0.gguf", root / "origin"), root / "origin"


@pytest.fixture
def convert(source, tmp_path):
    """Convert it to a folder in a folder of its own; returns the place."""

    def run(path=source[0]):
        return gguf.convert_gguf(path, tmp_path / "models" / "tiny", lambda step, fraction=None: None)

    run.place = tmp_path / "models"
    return run


def test_the_converted_model_computes_and_reads_like_the_original(convert, source):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _, model, origin = source
    folder = convert()
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    rounded = copy.deepcopy(model)
    for parameter in rounded.parameters():
        parameter.data = parameter.data.bfloat16().float()
    ids = torch.arange(3, 60)[None]
    with torch.no_grad():
        assert torch.equal(loaded(ids).logits, rounded(ids).logits)
    ours, theirs = AutoTokenizer.from_pretrained(folder), AutoTokenizer.from_pretrained(origin)
    for text in ("The capital of France", "Élève 🙂 北京", "<|im_start|>user\nhi<|im_end|>"):
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    assert ours.chat_template == theirs.chat_template
    assert ours("in 1984")["input_ids"][-4:] == [ours.convert_tokens_to_ids(digit) for digit in "1984"]
    assert names(convert.place) == ["tiny"]
    mask = os.umask(0)
    os.umask(mask)
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o666 & ~mask}


def test_what_it_costs_is_told_before(source):
    path, model, _ = source
    verdict = probe.verdict(path)
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert (verdict.fits, verdict.native, verdict.format) == (True, False, "GGUF F32")
    assert verdict.memory_bytes == weights * 2
    assert verdict.conversion.disk_bytes == weights * 2 + gguf.SPARE_DISK


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(convert, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 10**7, 10**7))
    with pytest.raises(LoaderError, match=r"Converting needs 0\.07 GB on the disk and 0\.01 GB are free"):
        convert()
    assert names(convert.place) == []


@pytest.mark.parametrize("where", ["_save_model", "_save_tokenizer", "_make_readable"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_whatever_happens_half_way_leaves_no_folder_behind(convert, monkeypatch, where, error):
    real = getattr(gguf, where)

    def fail(*arguments):
        real(*arguments)
        raise error

    monkeypatch.setattr(gguf, where, fail)
    with pytest.raises(type(error)):
        convert()
    assert names(convert.place) == []


def test_a_disk_that_fills_up_while_the_weights_are_written_is_told_as_that(convert, monkeypatch):
    """safetensors raises its own error, which is no OSError; its words are those it had on a file system of 100 kB."""
    from safetensors import SafetensorError
    from transformers import LlamaForCausalLM

    def save(self, folder):
        (Path(folder) / "model.safetensors").write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", save)
    with pytest.raises(SafetensorError) as caught:
        convert()
    told = failure_from(caught.value)
    assert (told.kind, told.message) == ("user", "The disk is full. Free some space and try again.")
    assert names(convert.place) == []


def test_a_folder_that_is_there_is_never_written_over(convert):
    (convert.place / "tiny").mkdir(parents=True)
    (convert.place / "tiny" / "mine").write_text("mine")
    with pytest.raises(LoaderError, match="is there already"):
        convert()
    assert names(convert.place / "tiny") == ["mine"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda whole: whole[: len(whole) // 2], "is damaged or cut short"),
        (lambda whole: whole[:100], "is damaged or cut short"),
        (lambda whole: b"PK" + whole[2:], "is no GGUF file, whatever its name says"),
        (lambda whole: b"", "is no GGUF file"),
    ],
    ids=["half", "header", "zip", "empty"],
)
def test_a_broken_file_is_told_and_nothing_is_made(convert, source, tmp_path, content, words):
    (tmp_path / "broken.gguf").write_bytes(content(source[0].read_bytes()))
    with pytest.raises(LoaderError, match=words):
        convert(tmp_path / "broken.gguf")
    assert not convert.place.exists()
    assert not probe.verdict(tmp_path / "broken.gguf").fits
