"""A recipe's adapters are found by what is in them, then by name; what differs from the recipe is said in sentences."""

from __future__ import annotations

import shutil

import msgspec
import pytest

from desktop.api import Lora
from desktop.engine.messages import Segment
from desktop.library.adapters import list_adapters
from desktop.library.hashes import ContentHashes
from desktop.library.identity import content_hash
from desktop.library.recipe_making import adapters_of, parts_of
from desktop.library.recipe_matching import (
    Here,
    compared_in_words,
    differences,
    first_difference,
    match_adapters,
    reproducible_tokens,
    segments_in_words,
)
from desktop.library.settings import Settings
from desktop.prompting.recipe import RecipeAdapter, RecipeSegment
from tests.library.making import make_adapter
from tests.prompting.test_recipe import RECIPE

HERE = Here(base=RECIPE.base, versions=RECIPE.versions, machine=RECIPE.machine)


def lora(path, **more):
    return Lora(id="ad_1", name=path.name, path=str(path), **more)


def matched(home, *adapters):
    return match_adapters(adapters, list_adapters(home, Settings()), ContentHashes(home.cache).of)


def test_a_prompt_that_came_from_the_cache_is_told_where_it_may_matter():
    def told(dtype, cached):
        base = msgspec.structs.replace(RECIPE.base, dtype=dtype)
        recipe = msgspec.structs.replace(RECIPE, base=base, cached_prefix=cached)
        return differences(recipe, msgspec.structs.replace(HERE, base=base))

    (words,) = set(told("bfloat16", 1400)) - set(told("bfloat16", 0))
    assert words.startswith("1,400 tokens of the prompt came from the cache of the conversation")
    assert told("float32", 1400) == told("float32", 0)


def test_content_comes_before_the_name(home):
    wanted = make_adapter(home.loras / "pirate", rank=4)
    (recipe,) = adapters_of([lora(wanted, weight=-0.5, enabled=False)])
    shutil.move(wanted, home.loras / "parrot é")
    make_adapter(home.loras / "pirate", rank=8)
    (row,) = matched(home, recipe).rows
    assert (row.name, row.path) == ("parrot é", str(home.loras / "parrot é"))
    assert (row.weight, row.enabled) == (-0.5, False)
    assert matched(home, recipe).in_words() == ()


def test_the_name_alone_is_told_and_what_is_missing_too(home):
    make_adapter(home.loras / "pirate")
    (home.loras / "broken").mkdir()
    wanted = (
        RecipeAdapter(name="pirate", content_hash="0" * 64),
        RecipeAdapter(name="gone", content_hash="1" * 64),
        RecipeAdapter(name="broken", content_hash="2" * 64),
    )
    found = matched(home, *wanted)
    assert (found.by_name, found.missing) == (("pirate",), ("gone", "broken"))
    assert [row.name for row in found.rows] == ["pirate"]
    assert [sentence.split(":")[0] for sentence in found.in_words()] == [
        "The adapter pirate was found by its name only",
        "The adapter gone is missing",
        "The adapter broken is missing",
    ]


def test_a_place_outside_of_the_library_counts_by_its_content(home, tmp_path):
    folder = make_adapter(tmp_path / "elsewhere")
    (recipe,) = adapters_of([lora(folder)])

    def found(*places):
        return match_adapters((recipe,), list_adapters(home, Settings()), content_hash, places)

    assert [row.path for row in found(str(folder)).rows] == [str(folder)]
    assert found().missing == found(str(tmp_path)).missing == ("elsewhere",)
    for path in ("//server/share", "\\\\server\\share"):
        assert match_adapters((recipe,), (), lambda _: recipe.content_hash, (path,)).missing == ("elsewhere",)


def test_the_same_adapter_twice_is_two_rows(home):
    (recipe,) = adapters_of([lora(make_adapter(home.loras / "a"))])
    rows = matched(home, recipe, recipe).rows
    assert rows[0].path == rows[1].path
    assert rows[0].id != rows[1].id


def test_a_hash_is_computed_once_and_anew_when_the_file_changes(tmp_path, monkeypatch):
    folder = make_adapter(tmp_path / "a")
    first = ContentHashes(tmp_path / "cache").of(folder)
    assert first == content_hash(folder)
    monkeypatch.setattr("desktop.library.hashes.content_hash", lambda _: pytest.fail("it was read again"))
    assert ContentHashes(tmp_path / "cache").of(folder) == first
    monkeypatch.undo()
    make_adapter(folder, alpha=17)
    assert ContentHashes(tmp_path / "cache").of(folder) == content_hash(folder) != first


def test_a_damaged_cache_is_made_anew(tmp_path):
    folder, cache = make_adapter(tmp_path / "a"), tmp_path / "cache"
    cache.mkdir()
    (cache / "hashes.json").write_text("{]")
    assert ContentHashes(cache).of(folder) == content_hash(folder)
    assert ContentHashes(cache).of(folder) == content_hash(folder)


def test_nothing_differs_where_nothing_does():
    assert differences(RECIPE, HERE) == ()


@pytest.mark.parametrize(
    ("here", "said"),
    [
        ({"mode": "folded"}, "The mode of the stack differs: exact in the recipe, folded here."),
        ({"versions": {"torch": "2.14", "lora-deck": "0.1"}}, "torch differs: 2.13.0 in the recipe, 2.14 here."),
        ({"versions": {"lora-deck": "0.1"}}, "torch differs: 2.13.0 in the recipe, not there here."),
    ],
)
def test_each_thing_that_differs_is_said(here, said):
    assert differences(RECIPE, msgspec.structs.replace(HERE, **here)) == (said,)


def test_the_base_and_the_machine():
    base = msgspec.structs.replace(RECIPE.base, name="other", fingerprint="zz", dtype="bfloat16", bits=4, device="cuda")
    machine = msgspec.structs.replace(RECIPE.machine, platform="Windows")
    told = differences(RECIPE, msgspec.structs.replace(HERE, base=base, machine=machine))
    assert told == (
        "The base model is another one: the recipe's is starter, here it is other.",
        "The arithmetic differs: float32 in the recipe, bfloat16 here.",
        "The number of bits differs: 16 in the recipe, 4 here.",
        "The device differs: cpu in the recipe, cuda here.",
        "The system differs: Linux in the recipe, Windows here.",
    )


def test_a_drawn_answer_without_a_seed_is_told():
    drawn = msgspec.structs.replace(RECIPE, seed=None, sampling=type(RECIPE.sampling)())
    assert differences(drawn, HERE) == ("The recipe has no seed, so other tokens may be drawn.",)


@pytest.mark.parametrize(
    ("made", "recorded", "place"),
    [((1, 2), (1, 2), None), ((1, 3), (1, 2), 1), ((1,), (1, 2), 1), ((1, 2, 3), (1, 2), 2), ((), (), None)],
)
def test_where_tokens_part(made, recorded, place):
    assert first_difference(made, recorded) == place
    said = compared_in_words(made, recorded)
    assert said.startswith("Reproduced: the same" if place is None else f"Not reproduced: token {place + 1} of 2")


def test_the_words_name_both_tokens():
    assert "it was 2 and is the end; those before it" in compared_in_words((1,), (1, 2))


def test_only_what_the_first_stack_made_can_be_made_again():
    parts = (RecipeSegment(first_token=0), RecipeSegment(first_token=2))
    recipe = msgspec.structs.replace(RECIPE, segments=parts)
    assert reproducible_tokens(recipe, (1, 2, 3)) == 2
    assert reproducible_tokens(RECIPE, (1, 2, 3)) == 3
    assert "after 2 tokens" in segments_in_words(recipe)


def test_segments_that_made_no_token_are_left_out():
    one, two = (Lora(id="a", name="a", path="/a"),), ()
    before = (Segment(0, one), Segment(0, two), Segment(3, one))
    assert parts_of(one, before, 3) == (two, ())
    assert parts_of(one, before, 5) == (two, before[1:])
    assert parts_of(one, (), 5) == (one, ())
