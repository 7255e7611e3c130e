"""A recipe as JSON, there and back."""

import json

import msgspec
import pytest

from desktop.api import Sampling
from desktop.prompting.recipe import (
    FORMAT,
    Asked,
    Machine,
    Recipe,
    RecipeAdapter,
    RecipeBase,
    RecipeFile,
    RecipeSegment,
)

RECIPE = Recipe(
    base=RecipeBase(
        name="starter",
        path="/models/starter",
        fingerprint="ab",
        loader="transformers",
        dtype="float32",
        bits=16,
        device="cpu",
    ),
    adapters=(RecipeAdapter(name="pirate é🦜", content_hash="cd", weight=-0.5, enabled=False),),
    template="alpaca-fr",
    sampling=Sampling(greedy=True),
    seed=7,
    versions={"torch": "2.13.0", "lora-deck": "0.1"},
    machine=Machine(platform="Linux"),
)


def test_everything_stands_in_the_json():
    printed = json.loads(RECIPE.to_json())
    assert printed["format"] == FORMAT == 1
    assert printed["mode"] == "exact"
    assert printed["base"]["fingerprint"] == "ab"
    assert printed["adapters"] == [{"name": "pirate é🦜", "content_hash": "cd", "weight": -0.5, "enabled": False}]
    assert printed["sampling"]["greedy"] is True
    assert (printed["seed"], printed["template"], printed["max_new_tokens"]) == (7, "alpaca-fr", 512)
    assert printed["versions"] == {"lora-deck": "0.1", "torch": "2.13.0"}


def test_there_and_back():
    assert msgspec.json.decode(RECIPE.to_json(), type=Recipe) == RECIPE


def test_the_same_recipe_is_the_same_text():
    other = msgspec.structs.replace(RECIPE, versions={"lora-deck": "0.1", "torch": "2.13.0"})
    assert other.to_json() == RECIPE.to_json()


def test_the_mode_and_the_segments_come_back():
    parts = (RecipeSegment(first_token=0), RecipeSegment(first_token=9, adapters=RECIPE.adapters))
    folded = msgspec.structs.replace(RECIPE, mode="folded", segments=parts)
    assert msgspec.json.decode(folded.to_json(), type=Recipe) == folded


def test_a_reply_s_file_holds_what_was_asked_and_the_tokens():
    file = RecipeFile(recipe=RECIPE, asked=Asked(prompt="Où?", system="A parrot."), tokens=(1, 2), text="Là.")
    assert msgspec.json.decode(file.to_json(), type=RecipeFile) == file
    assert json.loads(file.to_json())["recipe"] == json.loads(RECIPE.to_json())


def test_a_number_where_text_belongs_is_refused():
    with pytest.raises(msgspec.ValidationError, match="mode"):
        msgspec.json.decode(RECIPE.to_json().replace('"exact"', "1"), type=Recipe)
