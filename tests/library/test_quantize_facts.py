"""What a quantised copy takes, from headers alone: compared with the copy itself, and what is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desktop.api import QuantizeRequest
from desktop.library.quantising import read_quantize_facts, time_in_words
from loader_kit.quantising.making import quantise
from tests import tiny


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny model on disk, in memory, and its tokenizer."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("facts") / "tiny"
    model = tiny.make_model(folder)
    return folder, model, AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize(("bits", "group_size"), [(4, 32), (3, -1), (8, 128)])
def test_the_size_is_told_before_as_it_comes_out(made, tmp_path, bits, group_size):
    folder, model, tokenizer = made
    facts = read_quantize_facts(folder)
    request = QuantizeRequest(folder=str(tmp_path / "out"), bits=bits, group_size=group_size, search=False, samples=1)
    report = quantise(model, tokenizer, folder, request, lambda *_: None)
    assert facts.refusal == ""
    assert facts.bytes_before == report.bytes_before
    with (tmp_path / "out" / "model.safetensors").open("rb") as file:
        header = 8 + int.from_bytes(file.read(8), "little")
    assert report.bytes_after - header == facts.bytes_after(bits, group_size)


def test_shards_and_pickles_are_counted_as_the_single_file_is(made, tmp_path):
    facts = read_quantize_facts(made[0])
    tiny.make_model(tmp_path / "shards", shards=True)
    tiny.make_model(tmp_path / "pickle", binary=True)
    for name in ("shards", "pickle"):
        assert read_quantize_facts(tmp_path / name).linears == facts.linears
    assert sum(facts.linears.values()) == 14


def test_more_text_and_more_bits_cost_what_they_cost(made, tmp_path):
    facts = read_quantize_facts(made[0])
    text = tmp_path / "text.txt"
    text.write_text("word " * 2000, encoding="utf-8")
    short = QuantizeRequest(folder="", samples=1)
    assert facts.seconds(short) < facts.seconds(QuantizeRequest(folder=""))
    assert facts.seconds(QuantizeRequest(folder="", calibration=str(text))) < facts.seconds(QuantizeRequest(folder=""))
    assert facts.seconds(short, cores=2) == facts.seconds(short, cores=1) / 2
    assert facts.seconds(QuantizeRequest(folder="", samples=1, search=False)) < facts.seconds(short)


def test_what_is_quantised_already_says_so(tmp_path):
    tiny.make_model(tmp_path / "small")
    config = tmp_path / "small" / "config.json"
    settings = {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}
    config.write_text(json.dumps(json.loads(config.read_text(encoding="utf-8")) | settings), encoding="utf-8")
    refusal = read_quantize_facts(tmp_path / "small").refusal
    assert "stored as GPTQ 4-bit, group size 128, so it is quantised already" in refusal


def test_odd_sizes_and_missing_files_are_refused_in_words(tmp_path):
    tiny.make_model(tmp_path / "odd", intermediate_size=90)
    assert "the GPTQ format needs multiples of 32" in read_quantize_facts(tmp_path / "odd").refusal
    (tmp_path / "empty").mkdir()
    assert "config.json" in read_quantize_facts(tmp_path / "empty").refusal
    assert "can't be read" in read_quantize_facts(Path("/nowhere/at all.safetensors")).refusal


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "less than a minute"), (61, "about 1 min"), (600, "about 10 min"), (9000, "about 2 h")]
)
def test_times_are_rough(seconds, words):
    assert time_in_words(seconds) == words
