"""Every reply is logged with its recipe, and the log gives back all that is needed to make it again."""

from __future__ import annotations

import msgspec
import pytest

from desktop.api import Lora, Sampling
from desktop.library.identity import content_hash, fingerprint
from desktop.library.recipes import read_recipe_file
from desktop.library.replies import find_reply, read_replies
from desktop.session.plans import PromptPlan
from tests.library.making import make_adapter, write_safetensors
from tests.session.conftest import PROMPTLY
from tests.session.test_session_answering import ENDLESS
from tests.ui.hands import until

COUNT = "yield Chunk(text='one', tokens=(1, 2))\nyield Chunk(text=' two', tokens=(3,))\nreturn Reply(seed=5)"
SAMPLING = Sampling(temperature=1.5, seed=5)


class Told:
    """What a keeper told, in order."""

    def __init__(self, keeper):
        self.of = {name: [] for name in ("recipes_listed", "recipe_seen", "reproduction_found", "recipe_read", "told")}
        self.of["refused"] = []
        for name, there in self.of.items():
            getattr(keeper, name).connect(there.append)

    def wait(self, name):
        there = len(self.of[name])
        until(lambda: len(self.of[name]) > there)
        return self.of[name][-1]


@pytest.fixture
def model(tmp_path):
    """A whole file of weights."""
    return write_safetensors(tmp_path / "models" / "polly.safetensors", {"w": ("F32", (2, 2))})


@pytest.fixture
def told(session):
    return Told(session.recipes)


@pytest.fixture
def pirate(home):
    """An adapter of the library as a row of the stack."""
    folder = make_adapter(home.loras / "pirate")
    return Lora(id="ad_pirate", name="pirate", path=str(folder), weight=0.5)


@pytest.fixture
def stacked(loaded, heard, pirate):
    """A puppet with an adapter."""
    loaded.set_rows((pirate,))
    heard.wait("stack_changed")
    return loaded


def ask(session, heard, code=COUNT, **more):
    session.answer(PromptPlan(prompt=code, template="plain", sampling=SAMPLING, **more))
    return heard.wait("answer_ended")


def logged(session, answer):
    until(lambda: session.home.conversations.is_dir())
    session.recipes.shut_down()
    return find_reply(session.home.conversations, answer.id)


def test_a_reply_is_logged_with_what_made_it(stacked, heard, told, home, model, pirate):
    answer = ask(stacked, heard, stop=("nobody",))
    reply = logged(stacked, answer)
    assert (reply.text, reply.tokens, reply.finish_reason) == ("one two", (1, 2, 3), "stop")
    assert (reply.asked.prompt, reply.problem, reply.base) == (COUNT, "", None)
    recipe = reply.recipe
    assert (recipe.base.name, recipe.base.loader, recipe.base.fingerprint) == ("polly", "puppet", fingerprint(model))
    (adapter,) = recipe.adapters
    assert (adapter.name, adapter.weight) == ("pirate", 0.5)
    assert adapter.content_hash == content_hash(home.loras / "pirate")
    assert (recipe.seed, recipe.sampling, recipe.stop, recipe.mode) == (5, SAMPLING, ("nobody",), "exact")
    assert recipe.segments == ()
    assert reply.places == (pirate.path,)
    assert told.of["refused"] == []


def test_a_compared_reply_has_the_base_s_own(stacked, heard):
    reply = logged(stacked, ask(stacked, heard, compare=True))
    assert (reply.base.tokens, reply.base.text) == ((1, 2, 3), "one two")


def test_a_stopped_reply_is_logged_as_far_as_it_came(loaded, heard):
    loaded.answer(PromptPlan(prompt=ENDLESS, template="plain", sampling=SAMPLING))
    until(lambda: len(heard.of("answer_grew")) > 3)
    loaded.cancel()
    answer = heard.wait("answer_ended", PROMPTLY)
    reply = logged(loaded, answer)
    assert reply.finish_reason == "cancelled"
    assert reply.tokens == tuple(range(len(reply.text))) != ()


def test_a_failed_reply_is_logged_with_the_reason(loaded, heard):
    loaded.answer(
        PromptPlan(prompt="yield Chunk(text='half', tokens=(1,))\nraise ValueError('ouch')", template="plain")
    )
    heard.wait("answer_failed")
    _, answer = heard.of("answer_failed")[-1]
    reply = logged(loaded, answer)
    assert (reply.text, reply.tokens) == ("half", (1,))
    assert "ouch" in reply.problem


def test_a_stack_that_changed_while_it_ran_is_logged_as_segments(session, heard, plan, pirate):
    session.load(plan(loader="live"))
    heard.wait("model_loaded")
    code = (
        "yield Chunk(text='a', tokens=(1,))\n"
        "while not model.loras:\n    time.sleep(0.002)\n    yield Chunk()\n"
        "yield Chunk(text='b', tokens=(2,))\nreturn Reply()"
    )
    session.answer(PromptPlan(prompt=code, template="plain", sampling=SAMPLING))
    until(lambda: heard.of("answer_grew"))
    session.set_rows((pirate,))
    answer = heard.wait("answer_ended")
    reply = logged(session, answer)
    assert [(part.first_token, len(part.adapters)) for part in reply.recipe.segments] == [(0, 0), (1, 1)]
    assert reply.recipe.adapters == ()


def test_an_adapter_that_is_gone_costs_the_log_and_not_the_reply(loaded, heard, told, tmp_path):
    loaded.set_rows((Lora(id="ad_gone", name="gone", path=str(tmp_path / "gone")),))
    heard.wait("stack_changed")
    assert ask(loaded, heard).with_stack.text == "one two"
    until(lambda: told.of["refused"])
    assert "The reply is kept, but its recipe could not be logged: gone" in told.of["refused"][0]


def test_reproducing_gives_the_same_plan_and_stack(stacked, heard, told, pirate):
    answer = ask(stacked, heard)
    stacked.recipes.reproduce(answer.id)
    found = told.wait("reproduction_found")
    assert found.tokens == (1, 2, 3)
    assert (found.plan.prompt, found.plan.sampling, found.plan.template) == (COUNT, SAMPLING, "plain")
    assert [(row.path, row.weight) for row in found.rows] == [(pirate.path, 0.5)]
    assert found.told == ()


def test_a_stopped_reply_is_reproduced_to_where_it_was_stopped(loaded, heard, told):
    loaded.answer(PromptPlan(prompt=ENDLESS, template="plain", sampling=SAMPLING))
    until(lambda: len(heard.of("answer_grew")) > 3)
    loaded.cancel()
    answer = heard.wait("answer_ended", PROMPTLY)
    loaded.recipes.reproduce(answer.id)
    found = told.wait("reproduction_found")
    assert found.plan.max_new_tokens == len(found.tokens) == answer.with_stack.tokens
    assert found.shown.max_new_tokens == 512


def test_a_missing_adapter_and_another_model_are_told(stacked, heard, told, plan, tmp_path):
    answer = ask(stacked, heard)
    stacked.recipes.list_recipes()
    told.wait("recipes_listed")
    (stacked.home.loras / "pirate").rename(tmp_path / "away")
    stacked.recipes.reproduce(answer.id)
    assert "The adapter pirate is missing" in told.wait("refused")
    other = write_safetensors(tmp_path / "models" / "other.safetensors", {"w": ("F32", (3, 3))})
    stacked.load(msgspec.structs.replace(plan(), path=str(other), name="other"))
    heard.wait("model_loaded")
    stacked.recipes.reproduce(answer.id)
    assert "This reply was made with polly. Load that model" in told.wait("refused")


def test_saving_looking_exporting_and_importing(stacked, heard, told, home, pirate, tmp_path):
    answer = ask(stacked, heard)
    stacked.recipes.save_reply(answer.id, "my reply é")
    assert told.wait("recipes_listed")[0].has_reply
    file = read_recipe_file(home.recipes / "my reply é.json")
    assert (file.tokens, file.asked.prompt) == ((1, 2, 3), COUNT)
    stacked.recipes.save_reply(answer.id, "my reply é")
    assert "already" in told.wait("refused")
    make_adapter(home.loras / "pirate", alpha=3)
    stacked.recipes.look_at("my reply é")
    look = told.wait("recipe_seen")
    assert [row.name for row in look.rows] == ["pirate"]
    assert look.told == (
        "The adapter pirate was found by its name only: its files are not those of the recipe.",
    )  # fmt: skip
    stacked.recipes.give_out("my reply é", str(tmp_path / "out.json"))
    told.wait("told")
    stacked.recipes.take_in(str(tmp_path / "out.json"))
    assert [entry.name for entry in told.wait("recipes_listed")] == ["my reply é", "out"]


def test_the_present_stack_is_saved_without_a_reply(stacked, told, home, pirate):
    plan = PromptPlan(prompt="secret", template="alpaca", sampling=Sampling(greedy=True), stop=("x",))
    stacked.recipes.save_stack("stack", plan, (pirate,))
    told.wait("recipes_listed")
    file = read_recipe_file(home.recipes / "stack.json")
    assert (file.asked, file.tokens, file.recipe.stop) == (None, (), ("x", "### Instruction:"))
    stacked.recipes.look_at("stack")
    look = told.wait("recipe_seen")
    assert (look.plan.template, look.plan.stop, look.plan.sampling.greedy) == ("alpaca", ("x",), True)
    assert look.told == ()


def test_without_a_model_there_is_nothing_to_save(session, told):
    session.recipes.save_stack("x", PromptPlan(prompt=""), ())
    assert "Load one, then save the recipe" in told.wait("refused")


def test_the_log_of_a_day_holds_every_reply(loaded, heard, home):
    answers = [ask(loaded, heard) for _ in range(3)]
    logged(loaded, answers[-1])
    replies, damaged = read_replies(next(home.conversations.iterdir()))
    assert ([reply.id for reply in replies], damaged) == ([answer.id for answer in answers], 0)
