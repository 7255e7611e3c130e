"""`lora-deck inspect` as a user types it."""

from __future__ import annotations

import json

import pytest

from desktop.library.identity import content_hash
from tests.library.making import make_adapter, make_model


def test_the_facts_stand_below_each_other(run, home):
    folder = make_adapter(home.loras / "tloen_alpaca-lora-7b", rank=8, alpha=16, peft_version="0.4.0")
    ran = run("inspect", "tloen/alpaca-lora-7b")
    assert (ran.status, ran.err) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in ran.out.replace("base model", "base").splitlines())
    assert facts["name"] == "tloen_alpaca-lora-7b"
    assert (facts["kind"], facts["rank"], facts["scaling"]) == ("LoRA", "8", "2")
    assert (facts["base"], facts["PEFT"]) == ("huggyllama/llama-7b", "0.4.0")
    assert (facts["sha256"], facts["folder"]) == (content_hash(folder), str(folder))
    assert "verdict" not in facts
    starts = {line.index(line[len(line.split("  ")[0]) :].lstrip()[0], 12) for line in ran.out.splitlines()}
    assert starts == {12}, "the values are not aligned"


def test_a_path_will_do(run, tmp_path):
    folder = make_adapter(tmp_path / "elsewhere")
    assert "\nrank        8\n" in run("inspect", folder).out
    assert "\nrank        8\n" in run("inspect", folder / "adapter_model.safetensors").out


def test_json_is_one_object_with_the_verdict(run, home):
    make_adapter(home.loras / "a")
    model = make_model(home.models / "m")
    ran = run("inspect", "a", "--against", "m", "--json")
    assert (ran.status, ran.err) == (0, "")
    assert (ran.json["modules"], ran.json["layers"], ran.json["problems"]) == ({"q_proj": 1}, [0], [])
    assert ran.json["against"] == {"model": str(model), "verdict": "fits", "reason": ""}
    assert run("inspect", "a", "--json").json["against"] is None


def test_what_does_not_fit_says_why_and_fails(run, home):
    make_adapter(home.loras / "a")
    shapes = {"model.layers.0.self_attn.q_proj.weight": ("BF16", (32, 32))}
    make_model(home.models / "m", tensors=shapes)
    ran = run("inspect", "a", "--against", "m")
    assert (ran.status, ran.err) == (1, "")
    assert ran.out.endswith("\nverdict     does not fit: its q_proj is 64 wide, this model has 32\n")
    assert run("inspect", "a", "--against", "m", "--json").json["against"]["verdict"] == "misfit"


def test_an_unknown_verdict_is_no_failure(run, home):
    make_adapter(home.loras / "a")
    home.models.mkdir()
    (home.models / "m.gguf").write_bytes(b"GGUF")
    ran = run("inspect", "a", "--against", "m.gguf")
    assert ran.status == 0
    assert "verdict     unknown: The model's weights can't be looked into" in ran.out


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_broken_one_is_told_with_what_could_be_read(run, home, flags):
    make_adapter(home.loras / "a", cut=9)
    ran = run("inspect", "a", *flags)
    assert ran.status == 1
    assert ran.err == (
        "lora-deck: a can't be used: adapter_model.safetensors is cut short: 9 bytes are missing at its end. "
        "Download the adapter again.\n"
    )
    assert "huggyllama/llama-7b" in ran.out
    if flags:
        assert len(ran.json["problems"]) == 1


def test_a_pickle_that_would_run_code_is_refused_by_name(run, home):
    folder = make_adapter(home.loras / "a", binary=True)
    (folder / "adapter_model.bin").write_bytes(b"I0\n.I0\n.I0\n.cposix\nsystem\n(Vtouch made\ntR.")
    ran = run("inspect", "a")
    assert ran.status == 1
    assert "more than tensors (posix.system), which could run code; it was not opened." in ran.err


def test_nothing_from_a_file_drives_the_terminal(run, home):
    folder = make_adapter(home.loras / "a\x1b[31m", base_model_name_or_path="x\x1b]0;y\x07\nz", task_type="\r\x9b1m")
    (folder / "README.md").write_text("---\nlicense: \x1b[2J\n---\n")
    (folder / "trainer_state.json").write_text("{")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"r": "\x1b[0m"}))
    ran = run("inspect", "a\x1b[31m")
    assert ran.status == 1
    for text in (ran.out, ran.err):
        assert not [sign for sign in text if not sign.isprintable() and sign != "\n"]
    assert ran.out.count("\n") == len([line for line in ran.out.split("\n") if line[:10].strip()])


def test_names_that_lead_nowhere_are_told(run, home):
    make_adapter(home.loras / "alpaca")
    ran = run("inspect", "alpacca")
    assert (ran.status, ran.out) == (1, "")
    assert "There is no adapter 'alpacca'." in ran.err
    assert "Close names: 'alpaca'" in ran.err
    ran = run("inspect", "alpaca", "--against", "nothing")
    assert (ran.status, ran.out) == (1, "")
    assert "There is no model 'nothing'." in ran.err


def test_the_starter_adapter_is_there_when_it_is_asked_for(run):
    found = run("inspect", "pirate", "--json").json
    assert (found["rank"], found["parameters"], found["card"]["license"]) == (4, 460_800, "apache-2.0")


def test_the_help_says_what_the_exit_status_means(run):
    ran = run("inspect", "--help")
    assert ran.status == 0
    words = " ".join(ran.out.split())
    for said in ("usage: lora-deck inspect", "--against MODEL", "--json", "executed", "The exit status is 0"):
        assert said in words


def test_what_peft_wrote_is_judged_as_it_loads(run, tiny_home):
    model = "tiny llama v1.0 é🙂"
    whole = run("inspect", "pirate=v1.5 (é🙂)", "--against", model, "--json")
    assert (whole.status, whole.json["against"]["verdict"], whole.json["problems"]) == (0, "fits", [])
    assert (whole.json["kind"], whole.json["unused"], len(whole.json["ranks"])) == ("LoRA", [], 1)
    wide = run("inspect", "wide", "--against", model)
    assert wide.status == 1
    assert "does not fit: its " in wide.out
