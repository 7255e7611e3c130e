"""The base an adapter names: its other names, whether the library has it, and where to get it."""

from __future__ import annotations

import pytest

from desktop.library.hub.bases import find_base, known_names, names_of_model
from desktop.library.hub.record import Record, write_record
from desktop.library.settings import Settings
from tests.library.making import make_model

GONE = "decapoda-research/llama-7b-hf"


def test_one_that_is_gone_is_offered_under_its_mirrors(home):
    base = find_base(GONE, home, Settings())
    assert (base.gone, base.here) == (True, "")
    assert base.sources[0] == "huggyllama/llama-7b"
    assert GONE not in base.sources


def test_one_that_is_gated_is_offered_first_and_then_its_mirrors(home):
    assert find_base("meta-llama/Llama-2-7b-hf", home, Settings()).sources[:2] == (
        "meta-llama/Llama-2-7b-hf",
        "NousResearch/Llama-2-7b-hf",
    )


@pytest.mark.parametrize(
    "folder", ["llama-7b-hf", "huggyllama_llama-7b", "decapoda-research_llama-7b-hf", "Yahma_LLaMA-7B-hf"]
)
def test_the_library_has_it_under_any_of_its_names(home, folder):
    make_model(home.models / "another")
    make_model(home.models / folder)
    assert find_base(GONE, home, Settings()).here == folder
    assert find_base("a/b", home, Settings()).here == ""
    assert "huggyllama/llama-7b" in names_of_model(home.models / folder)


def test_what_a_folder_was_downloaded_from_counts_more_than_its_name(home):
    made = make_model(home.models / "mine")
    record = Record(repo="huggyllama/llama-7b", asked="x/old", revision="main", commit="0", kind="model")
    write_record(made, record)
    assert find_base(GONE, home, Settings()).here == "mine"
    assert find_base("x/old", home, Settings()).here == "mine"
    assert set(names_of_model(made)) >= {"huggyllama/llama-7b", GONE, "x/old"}
    write_record(make_model(home.models / "a_b"), record)
    assert find_base("a/b", home, Settings()).here == "", "it is called so, but holds something else"


def test_repacks_in_fewer_bits_are_the_same_base():
    names = known_names("unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit")
    assert {"unsloth/Meta-Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"} <= set(names)
    assert known_names("x/y-unsloth-bnb-4bit") == ("x/y", "x/y-unsloth-bnb-4bit")


@pytest.mark.parametrize("named", ["/home/me/models/llama", "./llama", "C:\\models\\llama", "llama", ""])
def test_a_name_that_is_none_of_the_hub_is_not_offered(home, named):
    assert find_base(named, home, Settings()).sources == ()


def test_a_folder_that_says_nothing_has_no_names(home):
    assert names_of_model(make_model(home.models / "mine")) == ()
