"""Recipes on the disk: any name a person may give and none that leads out, nothing replaced unasked, damage told."""

from __future__ import annotations

import os

import msgspec
import pytest

from desktop.library.recipes import (
    RecipeError,
    RecipeExists,
    export_recipe,
    find_recipe,
    import_recipe,
    list_recipes,
    read_recipe_file,
    save_recipe,
)
from desktop.prompting.recipe import FORMAT, Asked, RecipeFile
from tests.prompting.test_recipe import RECIPE

FILE = RecipeFile(recipe=RECIPE, asked=Asked(prompt="Where?"), tokens=(5, 6), text="Here.")


@pytest.mark.parametrize("name", ["plain", "v1.0 final", "é", "e\u0301", "🦜 parrot", "a..b", "-x", "  around  "])
def test_a_name_as_people_give_it(tmp_path, name):
    path = save_recipe(tmp_path, name, FILE)
    assert path.parent == tmp_path
    assert read_recipe_file(find_recipe(name, tmp_path)) == FILE
    assert [entry.problem for entry in list_recipes(tmp_path)] == [""]
    with pytest.raises(RecipeExists, match="already"):
        save_recipe(tmp_path, name, FILE)


@pytest.mark.parametrize(
    "name",
    ["", " ", "..", ".", ".hidden", "../up", "a/b", "a\\b", "/abs", "a\0b", "a\nb", "c:", "nul", "x" * 201, "\ud800"],
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    folder = tmp_path / "home" / "recipes"
    with pytest.raises(RecipeError, match=r"[Nn]ame"):
        save_recipe(folder, name, FILE)
    assert list(tmp_path.iterdir()) == []


def test_replacing_is_asked_for_and_leaves_no_half(tmp_path, monkeypatch):
    save_recipe(tmp_path, "one", FILE)
    other = msgspec.structs.replace(FILE, text="There.")
    monkeypatch.setattr(os, "fsync", _no_space)
    with pytest.raises(RecipeError, match="No space"):
        save_recipe(tmp_path, "one", other, replace=True)
    monkeypatch.undo()
    assert read_recipe_file(tmp_path / "one.json") == FILE
    assert [file.name for file in tmp_path.iterdir()] == ["one.json"]
    save_recipe(tmp_path, "one", other, replace=True)
    assert read_recipe_file(tmp_path / "one.json") == other


def _no_space(_):
    raise OSError(28, "No space left on device")


def test_the_list_says_what_is_in_each_and_what_is_wrong(tmp_path):
    save_recipe(tmp_path, "b", FILE)
    save_recipe(tmp_path, "c", RecipeFile(recipe=RECIPE))
    (tmp_path / "a.json").write_text("{")
    newer = msgspec.structs.replace(RECIPE, format=FORMAT + 1)
    save_recipe(tmp_path, "d", RecipeFile(recipe=newer))
    (tmp_path / "notes.txt").write_text("no recipe")
    (tmp_path / "e.json").symlink_to(tmp_path / "gone")
    broken, whole, stack, later, link = list_recipes(tmp_path)
    assert (broken.name, broken.base) == ("a", "")
    assert "no recipe or a damaged one" in broken.problem
    assert (whole.base, whole.adapters, whole.has_reply) == ("starter", ("pirate é🦜 -0.5 (off)",), True)
    assert (stack.has_reply, stack.problem) == (False, "")
    assert "newer version" in later.problem
    assert "link" in link.problem
    assert list_recipes(tmp_path / "nowhere") == []


def test_out_and_in_again(tmp_path):
    outside, folder = tmp_path / "shared.json", tmp_path / "recipes"
    export_recipe(FILE, outside)
    assert [import_recipe(folder, outside) for _ in range(3)] == ["shared", "shared (2)", "shared (3)"]
    assert read_recipe_file(folder / "shared (2).json") == FILE
    odd = outside.rename(tmp_path / "nul.json")
    assert import_recipe(folder, odd) == "recipe"


def test_a_bare_recipe_is_one_too_and_something_else_is_not(tmp_path):
    bare = tmp_path / "bare.json"
    bare.write_text(RECIPE.to_json())
    assert read_recipe_file(bare) == RecipeFile(recipe=RECIPE)
    bare.write_text('{"recipe": 3}')
    with pytest.raises(RecipeError, match="Export it again"):
        import_recipe(tmp_path / "recipes", bare)
    assert not (tmp_path / "recipes").exists()


def test_a_name_comes_before_a_path_and_what_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "recipes"
    save_recipe(folder, "x.json", FILE)
    (tmp_path / "x.json").write_text("{")
    assert find_recipe("x.json", folder) == folder / "x.json.json"
    assert find_recipe("./x.json", folder) == tmp_path / "x.json"
    with pytest.raises(RecipeError, match="no recipe 'y'"):
        find_recipe("y", folder)
