"""`lora-deck export --gguf`: a file, and nothing loaded."""

from __future__ import annotations

import pytest

from tests.library.making import LLAMA, make_adapter, make_model


@pytest.fixture
def export(run, home, tmp_path):
    """`lora-deck export --gguf` of an adapter on one layer."""
    config = LLAMA | {"num_hidden_layers": 1, "num_attention_heads": 4}
    make_model(home.models / "word", config)
    make_adapter(home.loras / "a v1.0 é")

    def command(*more, output=tmp_path / "out"):
        return run("export", "--gguf", "--model", "word", "-o", output, *more)

    return command


def test_the_file_is_written_once(export, tmp_path, home):
    ran = export("--lora", "a v1.0 é=0.5")
    assert (ran.status, ran.out) == (0, f"{tmp_path / 'out.gguf'}\n")
    written = (tmp_path / "out.gguf").read_bytes()
    assert written[:4] == b"GGUF"
    assert export("--lora", "a v1.0 é", "--json", output=tmp_path / "b.gguf").json["bytes"] == len(written)
    again = export("--lora", "a v1.0 é")
    assert again.status == 1
    assert "exists already" in again.err
    assert (tmp_path / "out.gguf").read_bytes() == written
    assert not home.logs.exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ((), "There is nothing to export."),
        (("--lora", "a v1.0 é", "--lora", "a v1.0 é"), "A GGUF LoRA file holds one adapter."),
        (("--lora", "a v1.0 é", "--merged"), "--gguf writes an adapter and --merged a model."),
    ],
)
def test_what_makes_no_sense_is_refused(export, tmp_path, more, sentence):
    ran = export(*more)
    assert (ran.status, ran.out) == (1, "")
    assert sentence in ran.err
    assert not list(tmp_path.glob("*.gguf"))
