"""What of a prompt came from the cache is recorded, long prompts tell how far they are, templates are one's own."""

from __future__ import annotations

import msgspec

from desktop.prompting.dressing import Dressed
from desktop.prompting.recipe import Asked, RecipeFile
from desktop.session.answering import request_for
from desktop.session.plans import PromptPlan
from desktop.session.recipe_plans import reproduction_of
from tests.prompting.test_recipe import RECIPE
from tests.session.test_recipe_keeper import logged, model  # noqa: F401 - the fixture of a whole file

CACHED = (
    "yield Chunk(prompt_done=512, prompt_tokens=1500)\n"
    "yield Chunk(text='a', tokens=(1,), cached_tokens=256)\n"
    "yield Chunk(text='b', tokens=(2,))"
)


def test_a_reply_records_what_came_from_the_cache_and_how_far_the_prompt_was_is_told(loaded, heard):
    loaded.answer(PromptPlan(prompt=CACHED, template="plain"))
    answer = heard.wait("answer_ended")
    assert (answer.with_stack.cached_tokens, answer.with_stack.tokens) == (256, 2)
    assert ("Reading the prompt, 512 of 1,500 tokens", 512 / 1500) in heard.of("progressed")
    assert logged(loaded, answer).recipe.cached_prefix == 256


def test_a_reply_that_is_made_again_reads_its_whole_prompt():
    dressed = Dressed(text="x", template="plain", add_special_tokens=True)
    assert request_for(PromptPlan(prompt="x"), dressed).reuse_cache
    assert not request_for(PromptPlan(prompt="x", fresh=True), dressed).reuse_cache
    file = RecipeFile(recipe=RECIPE, asked=Asked(prompt="x"), tokens=(1, 2))
    found = reproduction_of(file, (), ())
    assert found.plan.fresh
    assert found.shown == msgspec.structs.replace(found.plan, fresh=False, max_new_tokens=RECIPE.max_new_tokens)


def test_a_template_of_ones_own_dresses_the_prompt(loaded, heard, home):
    home.templates.mkdir(parents=True)
    (home.templates / "mine.jinja").write_text("{{ messages[0].content }}\nyield Chunk(text='dressed', tokens=(1,))")
    loaded.answer(PromptPlan(prompt="pass", template="mine"))
    answer = heard.wait("answer_ended")
    assert (answer.with_stack.text, answer.template) == ("dressed", "mine")
    (home.templates / "mine.jinja").write_text("{% for %}")
    loaded.answer(PromptPlan(prompt="pass", template="mine"))
    assert "mine: The template can't be used (line 1)" in heard.wait("answer_failed").sentence
