"""A recipe as JSON, there and back."""

import json

import msgspec
import pytest

from desktop.api import Sampling
from desktop.prompting.recipe import FORMAT, Machine, Recipe, RecipeAdapter, RecipeBase

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


def test_another_mode_is_refused():
    with pytest.raises(msgspec.ValidationError, match="mode"):
        msgspec.json.decode(RECIPE.to_json().replace('"exact"', '"folded"'), type=Recipe)
