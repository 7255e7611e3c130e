"""`lora-deck verify` and `lora-deck export` with a real, tiny model."""

from __future__ import annotations

import hashlib
import struct

import pytest

MODEL, LORA = "tiny llama v1.0 é🙂", "pirate=v1.5 (é🙂)"


def test_adapters_alone_and_together_hold(run, tiny_home):
    ran = run("verify", "--model", MODEL, "--lora", f"{LORA}=0.5", "--lora", f"{LORA}=-2", "--json")
    assert ran.status == 0, ran.err
    told = ran.json
    assert [len(proof["names"]) for proof in told["proofs"]] == [1, 1, 2]
    for proof in told["proofs"]:
        assert proof["base_is_back"] is True
        assert proof["moved"] > 0
        assert proof["check"]["modules"] == 6
        assert proof["check"]["worst_error"] <= proof["check"]["allowed"] < 1e-4
    weights = tiny_home.models / MODEL / "model.safetensors"
    data = weights.read_bytes()
    named = b"model.safetensors\0" + struct.pack("<Q", len(data)) + data
    assert told["base_hash"] == hashlib.sha256(named).hexdigest()
    assert told["base_file_unchanged"] is True
    assert told["holds"] is True


def test_the_table_says_it_to_people(run, tiny_home):
    ran = run("verify", "--model", MODEL, "--lora", LORA)
    assert ran.status == 0, ran.err
    heads, row, files = ran.out.splitlines()
    assert heads.split()[0] == "ADAPTER"
    assert row.startswith(LORA)
    assert "bit for bit" in row
    assert row.endswith("yes")
    assert files.startswith("base files: the same as before loading, SHA-256 ")


def test_a_base_file_that_changes_meanwhile_is_noticed(run, tiny_home, monkeypatch):
    answers = ["before", "after"]
    monkeypatch.setattr("desktop.cli.verify.weights_hash", lambda path, tell: answers.pop(0))
    ran = run("verify", "--model", MODEL, "--lora", LORA)
    assert ran.status == 1
    assert "NOT WHAT WAS LOADED" in ran.out


def test_without_adapters_and_without_logits_there_is_nothing_to_prove(run, tiny_home, echo):
    ran = run("verify", "--model", MODEL)
    assert (ran.status, ran.err) == (
        1,
        "lora-deck: There is nothing to verify. Name one adapter or several with --lora.\n",
    )
    ran = run("verify", "--model", echo, "--lora", LORA)
    assert ran.status == 1
    assert "gives no logits" in ran.err


def test_an_adapter_that_does_not_fit_is_said(run, tiny_home):
    ran = run("verify", "--model", MODEL, "--lora", "wide")
    assert ran.status == 1
    assert "does not fit" in ran.err


def test_an_exported_adapter_lands_in_the_library_and_answers_the_same(run, tiny_home):
    stack = ("--lora", f"{LORA}=0.5", "--lora", f"{LORA}=-2")
    ran = run("export", "--model", MODEL, *stack, "-o", "two as one")
    assert ran.status == 0, ran.err
    assert ran.out.strip() == str(tiny_home.loras / "two as one")
    answer = ("generate", "--model", MODEL, "-p", "The capital", "--max-new-tokens", "8", "--greedy", "--json")
    assert run(*answer, *stack).json["tokens"] == run(*answer, "--lora", "two as one").json["tokens"]


def test_a_merged_model_lands_in_the_library_and_answers_the_same(run, tiny_home):
    ran = run("export", "--model", MODEL, "--lora", LORA, "-o", "merged", "--merged", "--json")
    assert ran.status == 0, ran.err
    assert ran.json["folder"] == str(tiny_home.models / "merged")
    answer = ("generate", "-p", "The capital", "--max-new-tokens", "8", "--greedy", "--json")
    stacked = run(*answer, "--model", MODEL, "--lora", LORA).json
    assert run(*answer, "--model", "merged").json["tokens"] == stacked["tokens"]


@pytest.mark.parametrize("name", ["..", ".", "", ".hidden"])
def test_a_name_leads_nowhere_else(run, tiny_home, name):
    ran = run("export", "--model", MODEL, "--lora", LORA, "-o", name)
    assert ran.status == 1
    assert "is no name for an export" in ran.err


def test_nothing_is_overwritten(run, tiny_home):
    ran = run("export", "--model", MODEL, "--lora", LORA, "-o", LORA)
    assert ran.status == 1
    assert "exists already" in ran.err


def test_a_loader_that_cannot_export_says_so(run, tiny_home, echo):
    ran = run("export", "--model", echo, "--lora", LORA, "-o", "out")
    assert ran.status == 1
    assert "can't write the stack" in ran.err
    assert not (tiny_home.loras / "out").exists()


def test_a_quantised_base_is_not_merged_into(run, tiny_home):
    ran = run("export", "--model", MODEL, "--lora", LORA, "-o", "out", "--merged", "--load-in-8bit")
    assert ran.status == 1
    assert "needs 16 or 32-bit weights" in ran.err
    assert not (tiny_home.models / "out").exists()
