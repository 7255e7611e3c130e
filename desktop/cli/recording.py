"""The recipe of an answer: the model, the stack, the template and the machine that made it."""

from __future__ import annotations

from desktop.api import GenerateRequest, LoaderError
from desktop.engine.messages import GenerateResult
from desktop.library.recipe_making import (
    Hash,
    adapters_of,
    base_of,
    holding_of,
    machine_here,
    parts_of,
    segments_of,
    versions_of,
)
from desktop.prompting.recipe import Recipe

from .opening import Opened
from .output import CommandError


def make_recipe(
    opened: Opened, result: GenerateResult, template: str, request: GenerateRequest, hash_of: Hash
) -> Recipe:
    """What is needed to make the answer again. Raises CommandError where a file it names can no longer be read."""
    info = opened.info
    try:
        base = base_of(opened.name, info, opened.loader.name, opened.request.settings)
        stack, parts = parts_of(result.stack, result.segments, result.generated_tokens)
        adapters, segments = adapters_of(stack, hash_of), segments_of(parts, hash_of)
    except LoaderError as error:
        raise CommandError(f"The answer was made, but its recipe could not be: {error}") from error
    return Recipe(
        base=base,
        holding=holding_of(opened.request),
        adapters=adapters,
        template=template,
        sampling=request.sampling,
        seed=request.sampling.seed if result.seed is None and not request.sampling.greedy else result.seed,
        max_new_tokens=request.max_new_tokens,
        stop=request.stop,
        mode=result.mode,
        segments=segments,
        cached_prefix=result.cached_tokens,
        versions=versions_of(info),
        machine=machine_here(info.device),
    )
