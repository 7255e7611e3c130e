"""The cache of the hub's own library, read in place: listed under the hub's names, found by them, never written to."""

from __future__ import annotations

import pytest

from desktop.library.adapters import list_adapters
from desktop.library.hub.bases import find_base, names_of_model
from desktop.library.models import list_models
from desktop.library.names import NameNotFound, adapter_row, find_model, parse_loras
from desktop.library.settings import Settings
from desktop.library.shelf.items import make_items
from tests.library.making import make_adapter, make_model


def put(cache, name, make, commit="c0ffee"):
    """A repository as the hub's library keeps it: blobs, and snapshots of links to them."""
    repo = cache / ("models--" + name.replace("/", "--"))
    snapshot = repo / "snapshots" / commit
    made = make(cache / "made" / name.replace("/", "-"))
    snapshot.mkdir(parents=True)
    (repo / "blobs").mkdir(exist_ok=True)
    for number, file in enumerate(sorted(made.iterdir())):
        blob = repo / "blobs" / f"{commit}{number}"
        file.rename(blob)
        (snapshot / file.name).symlink_to(f"../../blobs/{blob.name}")
    (repo / "refs").mkdir(exist_ok=True)
    (repo / "refs" / "main").write_text(commit)
    return snapshot


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / "huggingface" / "hub"
    folder.mkdir(parents=True)
    put(folder, "huggyllama/llama-7b", make_model)
    put(folder, "tloen/alpaca-lora-7b", make_adapter)
    (folder / "models--empty--repo").mkdir()
    (folder / "datasets--tatsu-lab--alpaca").mkdir()
    return folder


@pytest.fixture(params=["hub", "its parent"])
def settings(request, cache):
    return Settings(folders=(str(cache if request.param == "hub" else cache.parent),))


def test_listed_under_the_hubs_names(home, settings, cache):
    (model,), (adapter,) = list_models(home, settings), list_adapters(home, settings)
    assert (model.name, model.problem, model.size > 0) == ("huggyllama/llama-7b", "", True)
    assert (adapter.name, adapter.problem, adapter.rank) == ("tloen/alpaca-lora-7b", "", 8)
    items = make_items([model], [adapter], home)
    assert [item.own for item in items] == [False, False]
    assert [item.family for item in items] == ["huggyllama/llama-7b"] * 2


def test_found_by_name(home, settings):
    model = find_model("huggyllama/llama-7b", home, settings)
    assert (model / "config.json").is_file()
    assert names_of_model(model)[0] == "huggyllama/llama-7b"
    assert find_model("huggyllama/llama-7b/model.safetensors", home, settings).parent == model
    assert adapter_row("tloen/alpaca-lora-7b", home, settings).name == "tloen/alpaca-lora-7b"
    assert [row.weight for row in parse_loras(["tloen/alpaca-lora-7b=0.5"], home, settings)] == [0.5]
    for text in ("tloen/alpaca-lora-7b", "huggyllama/llama-7b/../../refs", "huggyllama"):
        with pytest.raises(NameNotFound):
            find_model(text, home, settings)


def test_the_homes_own_comes_first(home, settings):
    own = make_model(home.models / "huggyllama_llama-7b")
    assert find_model("huggyllama/llama-7b", home, settings) == own


def test_a_base_in_the_cache_is_here(home, settings):
    assert find_base("decapoda-research/llama-7b-hf", home, settings).here == "huggyllama/llama-7b"


def test_the_commit_of_main_is_the_one(home, cache):
    newer = put(cache, "huggyllama/llama-7b", make_model, commit="beef00")
    (cache / "models--huggyllama--llama-7b" / "refs" / "main").write_text("beef00")
    settings = Settings(folders=(str(cache),))
    assert find_model("huggyllama/llama-7b", home, settings) == newer
    (cache / "models--huggyllama--llama-7b" / "refs" / "main").write_text("../../../etc")
    assert list_models(home, settings) == []
