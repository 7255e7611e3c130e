"""`lora-deck quantize` with a real, tiny model."""

from __future__ import annotations

import pytest

from loader_kit.gptq_format import recognise
from tests.cli.test_generate_answers import LORA, MODEL

FAST = ("--samples", "2", "--no-mse")


def test_the_copy_lands_in_the_library_under_its_usual_name(run, tiny_home):
    ran = run("quantize", "--model", MODEL, "--group-size", "32", "--act-order", *FAST)
    assert ran.status == 0, ran.err
    folder = tiny_home.models / f"{MODEL}-gptq-4bit-32g"
    assert ran.out.strip() == str(folder)
    found = recognise(folder)
    assert (found.bits, found.group_size, found.act_order) == (4, 32, True)
    assert "Calibrating with the text that comes along." in ran.err
    assert "Error of the 14 linears' outputs: " in ran.err
    assert "calibrated on 512 tokens." in ran.err
    assert "Quantising layer 1 of 2" in ran.err
    again = run("quantize", "--model", MODEL, "--group-size", "32", *FAST)
    assert (again.status, again.out) == (1, "")
    assert "exists already" in again.err


def test_json_tells_every_linear(run, tiny_home, tmp_path):
    text = tmp_path / "own.txt"
    text.write_text("The quick brown fox jumps over the dog, and the dog lets it.\n" * 40)
    options = ("--bits", "3", "--group-size", "-1", "--symmetric", "--calibration", text, "-o", tmp_path / "here")
    ran = run("quantize", "--model", MODEL, *options, *FAST, "--json")
    assert ran.status == 0, ran.err
    told = ran.json
    assert told["folder"] == str(tmp_path / "here")
    assert len(told["layers"]) == 14
    assert all(0 < layer["error"] < 0.2 for layer in told["layers"])
    assert told["bytes_after"] == (tmp_path / "here" / "model.safetensors").stat().st_size
    assert told["bytes_after"] < told["bytes_before"]
    assert told["seconds"] > 0
    assert "comes along" not in ran.err
    assert recognise(tmp_path / "here").words == "GPTQ 3-bit, no groups"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--lora", LORA), "The base alone is quantised."),
        (("--damp", "7"), "can't be quantised like this: Expected `float` <= 1.0"),
        (("--samples", "0"), "can't be quantised like this: Expected `int` >= 1"),
        (("-o", ".."), "is no name"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(run, tiny_home, options, words):
    before = sorted(tiny_home.models.iterdir())
    ran = run("quantize", "--model", MODEL, *options)
    assert (ran.status, ran.out) == (1, "")
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert sorted(tiny_home.models.iterdir()) == before


def test_a_loader_that_cannot_quantise_says_so(run, echo):
    ran = run("quantize", "--model", echo, "-o", "out")
    assert ran.status == 1
    assert "This loader can't quantise a model." in ran.err
