"""`lora-deck search` against a hub on this machine: what is found, and what fits a model of the library."""

from __future__ import annotations

import pytest

from tests.library.fake_hub import Fault, fake_hub, lend
from tests.library.hub.repositories import adapter_files, in_bytes, model_files
from tests.library.making import make_model

TAGS = ("peft", "license:apache-2.0", "base_model:adapter:decapoda-research/llama-7b-hf")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A model and adapters of several kinds."""
    adapter = in_bytes(adapter_files(), tmp_path / "made")
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    factors = {f"{name}.lora_A.weight": ("F32", (8, 4096)), f"{name}.lora_B.weight": ("F32", (4096, 8))}
    wide = in_bytes({"adapter_model.safetensors": factors}, tmp_path / "wide")
    binary = {"adapter_config.json": b"{}", "adapter_model.bin": b"PK" * 5000}
    with fake_hub() as found:
        lend(monkeypatch, found, tmp_path / "hf")
        found.add("tloen/alpaca-lora-7b", adapter, tags=TAGS, downloads=900)
        found.add("x/alpaca-wide", adapter | wide, tags=TAGS, downloads=800)
        found.add("x/alpaca-binary", binary, tags=("peft", "base_model:adapter:huggyllama/llama-7b"), downloads=700)
        found.add("x/alpaca-broken", adapter | {"adapter_config.json": b"["}, tags=TAGS, downloads=600)
        found.add("x/other", adapter, tags=TAGS[1:2], downloads=950, gated="auto")
        found.add("huggyllama/llama-7b", in_bytes(model_files(), tmp_path / "made"), downloads=5000)
        yield found


def test_adapters_that_fit_a_model_of_the_library(run, hub, home):
    make_model(home.models / "huggyllama_llama-7b")
    ran = run("search", "--for", "huggyllama/llama-7b", "--json")
    assert ran.status == 0, ran.err
    hits = {one["repo"]: one for one in ran.json["hits"]}
    assert list(hits) == ["tloen/alpaca-lora-7b", "x/alpaca-wide", "x/alpaca-binary", "x/alpaca-broken"]
    assert [one["verdict"] for one in hits.values()] == ["fits", "misfit", "unknown", "unknown"]
    assert hits["x/alpaca-wide"]["reason"] == "its q_proj is 4096 wide, this model has 64"
    assert "a .bin, which can't be looked into" in hits["x/alpaca-binary"]["reason"]
    first = hits["tloen/alpaca-lora-7b"]
    assert (first["downloads"], first["license"], first["kind"]) == (900, "apache-2.0", "adapter")
    assert first["size"] > 65_000
    assert hub.sent["adapter_model.safetensors"] <= 2 * 128 * 1024, "headers only"


def test_words_and_kinds(run, hub):
    ran = run("search", "alpaca", "--adapters", "--limit", 2)
    assert ran.out.splitlines()[0].split() == ["NAME", "KIND", "DOWNLOADS", "SIZE", "LICENCE", "BASE", "MODEL"]
    assert [line.split()[0] for line in ran.out.splitlines()[1:]] == ["tloen/alpaca-lora-7b", "x/alpaca-wide"]
    assert [one["repo"] for one in run("search", "--models", "--json").json["hits"]] == ["huggyllama/llama-7b"]
    (other,) = run("search", "other", "--json").json["hits"]
    assert (other["kind"], other["gated"], other["license"]) == ("adapter", True, "apache-2.0")
    assert "Nothing was found" in run("search", "nothing-like-it").err


def test_what_goes_wrong_is_said(run, hub, home):
    hub.faults["search"].append(Fault(status=401))
    ran = run("search", "x")
    assert (ran.status, ran.out) == (1, "")
    assert "lora-deck: " in ran.err
    assert run("search", "--for", "nothing").status == 1
    assert run("search", "--limit", 0).status == 1
