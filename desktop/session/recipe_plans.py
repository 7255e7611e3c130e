"""What comes of looking at a recipe, and the way between a recipe and a plan: frozen values that may cross threads."""

from __future__ import annotations

import msgspec

from desktop.api import Lora
from desktop.library.recipe_matching import reproducible_tokens
from desktop.library.recipes import RecipeEntry
from desktop.prompting.recipe import Recipe, RecipeFile
from desktop.prompting.templates import TEMPLATES

from .plans import PromptPlan


class RecipeLook(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe that could be applied now."""

    entry: RecipeEntry
    plan: PromptPlan
    rows: tuple[Lora, ...] = ()
    """Its stack as far as the library has it."""
    told: tuple[str, ...] = ()
    """What is missing and what differs, a sentence each."""


class Reproduction(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that is to be made again."""

    plan: PromptPlan
    shown: PromptPlan
    """The same, with the longest answer that the recipe has."""
    rows: tuple[Lora, ...]
    tokens: tuple[int, ...]
    """What is to come again."""
    mode: str = "exact"
    """How the stack is to be computed."""
    told: tuple[str, ...] = ()
    """What differs from the recipe, a sentence each."""


def stops_of(plan: PromptPlan, template: str) -> tuple[str, ...]:
    """Every text at which an answer ends: the plan's own and the template's."""
    return tuple(dict.fromkeys((*plan.stop, *_template_stops(template))))


def plan_of(file: RecipeFile) -> PromptPlan:
    """The plan a recipe stands for, with its prompt where it has one."""
    recipe, asked = file.recipe, file.asked
    theirs = _template_stops(recipe.template)
    return PromptPlan(
        prompt=asked.prompt if asked else "",
        template=recipe.template,
        input=asked.input if asked else "",
        system=asked.system if asked else "",
        before=asked.before if asked else (),
        start=asked.start if asked else "",
        sampling=msgspec.structs.replace(recipe.sampling, seed=recipe.seed),
        max_new_tokens=recipe.max_new_tokens,
        stop=tuple(text for text in recipe.stop if text not in theirs),
    )


def reproduction_of(file: RecipeFile, rows: tuple[Lora, ...], told: tuple[str, ...]) -> Reproduction:
    """What is to be asked for, so that a reply comes again as far as its first stack made it and it was not stopped."""
    recipe, shown = file.recipe, plan_of(file)
    tokens = file.tokens[: reproducible_tokens(recipe, file.tokens)]
    stopped = file.finish_reason == "cancelled" or len(tokens) < len(file.tokens)
    longest = len(tokens) if stopped else recipe.max_new_tokens
    plan = msgspec.structs.replace(shown, max_new_tokens=max(longest, 1), fresh=True)
    return Reproduction(plan=plan, shown=shown, rows=rows, tokens=tokens, told=told, mode=recipe.mode)


def with_plan(recipe: Recipe, plan: PromptPlan, seed: int | None) -> Recipe:
    """The recipe with what a plan says of the sampling and the length."""
    return msgspec.structs.replace(
        recipe,
        sampling=plan.sampling,
        seed=seed,
        max_new_tokens=plan.max_new_tokens,
        stop=stops_of(plan, recipe.template),
    )


def _template_stops(name: str) -> tuple[str, ...]:
    return next((template.stop for template in TEMPLATES if template.name == name), ())
