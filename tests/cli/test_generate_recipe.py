"""`lora-deck generate --recipe`: the same tokens again with status 0, or the difference in words and status 1."""

from __future__ import annotations

import json

import pytest

from desktop.library.recipes import save_recipe
from desktop.prompting.recipe import RecipeFile
from tests.cli.test_generate_answers import FIXED, LORA, MODEL
from tests.prompting.test_recipe import RECIPE

DRAWN = (*FIXED, "--temperature", "3", "--top-k", "0", "--lora", f"{LORA}=-0.75", "--system", "A parrot.", "--json")


@pytest.fixture(scope="module")
def kept():
    """What was printed once, and the home it was printed in: an engine takes seconds to start."""
    return []


@pytest.fixture
def printed(run, tiny_home, tmp_path, kept):
    """What `--json` printed of a drawn answer, as a file, with the paths of this test's home."""
    if not kept:
        ran = run(*DRAWN)
        assert ran.status == 0, ran.err
        kept += [ran.out, str(tiny_home.root)]
    file = tmp_path / "printed.json"
    file.write_text(kept[0].replace(kept[1], str(tiny_home.root)))
    return file


def test_the_same_tokens_come_again(run, printed):
    recorded = json.loads(printed.read_text())
    again = run("generate", "--recipe", printed, "--json")
    assert again.status == 0, again.err
    assert again.json["tokens"] == recorded["tokens"]
    assert again.json["recipe"]["adapters"] == recorded["recipe"]["adapters"]
    assert (again.json["reproduced"], again.json["differences"]) == (True, [])
    asked = {"prompt": "The capital", "input": "", "system": "A parrot.", "before": [], "start": ""}
    assert again.json["asked"] == asked
    assert "Reproduced: the same 5 tokens." in again.err


def test_a_name_of_the_library_a_renamed_adapter_and_an_answer_in_words(run, printed, tiny_home):
    assert run("recipes").status == 0
    (tiny_home.recipes).mkdir()
    printed.rename(tiny_home.recipes / "my recipe 🦜.json")
    (tiny_home.loras / LORA).rename(tiny_home.loras / "renamed")
    again = run("generate", "--recipe", "my recipe 🦜")
    assert again.status == 0, again.err
    assert again.out.strip()
    assert "Reproduced: the same 5 tokens." in again.err
    assert "renamed: weight -0.75" in again.err


def test_a_later_turn_of_a_conversation_is_dressed_with_what_came_before(run, printed):
    recorded = json.loads(printed.read_text())
    before = [{"role": "user", "content": "Ahoy?"}, {"role": "assistant", "content": "Aye."}]
    recorded["asked"] |= {"before": before, "start": "The"}
    printed.write_text(json.dumps(recorded))
    again = run("generate", "--recipe", printed, "--json")
    assert again.json["asked"]["before"] == before
    assert again.json["asked"]["start"] == "The"
    assert again.json["prompt_tokens"] > recorded["prompt_tokens"]


def test_other_tokens_are_told_with_status_1(run, printed):
    recorded = json.loads(printed.read_text())
    recorded["tokens"][3] += 1
    recorded["recipe"]["versions"]["torch"] = "1.0"
    printed.write_text(json.dumps(recorded))
    again = run("generate", "--recipe", printed, "--json")
    assert again.status == 1
    assert "Not reproduced: token 4 of 5 differs" in again.err
    assert again.json["reproduced"] is False
    assert "torch differs: 1.0 in the recipe" in again.json["differences"][0]


def test_only_the_beginning_of_a_reply_whose_stack_changed_is_made_again(run, printed):
    recorded = json.loads(printed.read_text())
    recorded["recipe"]["segments"] = [{"first_token": 0}, {"first_token": 2}]
    printed.write_text(json.dumps(recorded))
    again = run("generate", "--recipe", printed, "--json")
    assert again.json["tokens"] == recorded["tokens"][:2]
    assert "Reproduced: the same 2 tokens." in again.err
    assert "only the tokens before that are made again" in again.err
    assert again.status == 1


def test_a_stopped_reply_is_made_again_as_far_as_it_came(run, printed):
    recorded = json.loads(printed.read_text())
    recorded |= {"finish_reason": "cancelled", "tokens": recorded["tokens"][:3]}
    printed.write_text(json.dumps(recorded))
    again = run("generate", "--recipe", printed, "--json")
    assert again.status == 0, again.err
    assert again.json["tokens"] == recorded["tokens"]


def test_another_prompt_is_answered_with_the_recipe_and_compared_with_nothing(run, printed):
    ran = run("generate", "--recipe", printed, "-p", "The sea", "--max-new-tokens", "2", "--json")
    assert ran.status == 0, ran.err
    assert (ran.json["reproduced"], len(ran.json["tokens"])) == (None, 2)
    assert ran.json["recipe"]["adapters"][0]["weight"] == -0.75


def test_a_missing_adapter_is_told_before_anything_is_loaded(run, printed, tiny_home):
    (tiny_home.loras / LORA).unlink()
    ran = run("generate", "--recipe", printed)
    assert (ran.status, ran.out) == (1, "")
    assert f"The adapter {LORA} is missing" in ran.err
    assert "Loaded" not in ran.err


@pytest.mark.parametrize(
    ("text", "words"), [(None, "There is no recipe"), ("{}", "is no recipe or a damaged one"), ("[", "damaged one")]
)
def test_what_is_no_recipe_is_told_in_one_sentence(run, home, tmp_path, text, words):
    file = tmp_path / "x.json"
    if text is not None:
        file.write_text(text)
    ran = run("generate", "--recipe", file)
    assert (ran.status, ran.out) == (1, "")
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_a_recipe_without_a_prompt_wants_one(run, echo, home):
    base = {"name": "echo", "path": str(echo), "fingerprint": "", "loader": "none", "dtype": "", "bits": 16}
    file = {"base": base | {"device": ""}, "template": "plain", "sampling": {"greedy": True}}
    home.recipes.mkdir(parents=True)
    (home.recipes / "bare.json").write_text(json.dumps(file))
    ran = run("generate", "--recipe", "bare")
    assert (ran.status, ran.out) == (1, "")
    assert "There is no prompt" in ran.err
    ran = run("generate", "--recipe", "bare", "-p", "hello")
    assert (ran.status, ran.out) == (0, "hello \n"), ran.err
    assert "The loader differs: none in the recipe, echo here." in ran.err


def test_the_list(run, home):
    assert "No recipes yet" in run("recipes").err
    save_recipe(home.recipes, "one é", RecipeFile(recipe=RECIPE))
    (home.recipes / "two.json").write_text("{")
    ran = run("recipes")
    assert ran.out.startswith("one é  starter + pirate é🦜 -0.5 (off)\ntwo\n    can't be used: two.json is no recipe")
    told = run("recipes", "--json").json
    assert [(row["name"], bool(row["problem"])) for row in told["recipes"]] == [("one é", False), ("two", True)]
    assert told["folder"] == str(home.recipes)


def test_the_model_of_the_recipe_is_found_by_its_name_elsewhere(run, printed, tiny_home):
    recorded = json.loads(printed.read_text())
    recorded["recipe"]["base"]["path"] = "/nowhere/else"
    printed.write_text(json.dumps(recorded))
    assert recorded["recipe"]["base"]["name"] == MODEL
    assert run("generate", "--recipe", printed).status == 0
