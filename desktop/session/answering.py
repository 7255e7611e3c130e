"""From a plan to what the engine is asked, and from what it says to the record of an answer."""

from __future__ import annotations

import secrets

import msgspec

from desktop.api import GenerateRequest, LoaderError
from desktop.engine.messages import GenerateResult
from desktop.prompting.dressing import Dressed

from .plans import PromptPlan, Side
from .translating import tr


def request_for(plan: PromptPlan, dressed: Dressed) -> GenerateRequest:
    """What is asked of the engine. Raises LoaderError for an answer without room for a token."""
    sampling = plan.sampling
    if not sampling.greedy and sampling.seed is None:
        # Drawn here, so that the base answers from the same one and the answer's record has it.
        sampling = msgspec.structs.replace(sampling, seed=secrets.randbits(48))
    if plan.max_new_tokens < 1:
        raise LoaderError(tr("The longest answer must have at least one token."))
    return GenerateRequest(
        prompt=dressed.text,
        add_special_tokens=dressed.add_special_tokens,
        sampling=sampling,
        max_new_tokens=plan.max_new_tokens,
        stop=(*plan.stop, *dressed.stop),
    )


def side_of(text: str, tokens: int, result: GenerateResult | None) -> Side:
    """The record of one answer; without a result it was stopped or lost."""
    if result is None:
        return Side(text=text, tokens=tokens, finish_reason="cancelled")
    return Side(
        text=text,
        tokens=result.generated_tokens,
        prompt_tokens=result.prompt_tokens,
        tokens_per_second=result.tokens_per_second,
        prompt_seconds=result.prompt_seconds,
        finish_reason=result.finish_reason,
        segments=result.segments,
    )
