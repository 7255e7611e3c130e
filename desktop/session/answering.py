"""From a plan to what the engine is asked, and from what it says to the record of an answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import msgspec

from desktop.api import Chunk, GenerateRequest, LoaderError, Lora, ModelInfo
from desktop.engine.client import EngineClient
from desktop.engine.jobs import EngineGone, JobFailed
from desktop.engine.messages import GenerateResult, Segment
from desktop.library.recipe_making import parts_of
from desktop.prompting.dressing import Dressed, Wish, dress
from desktop.prompting.dropping import fewest_dropped
from desktop.prompting.templates import Template

from .plans import PromptPlan, Side
from .translating import tr

Rows = tuple[Lora, ...]
RESERVED = 4
"""At most one part in so many of the context is kept free for the answer."""


def dress_plan(
    plan: PromptPlan, prompt: str, info: ModelInfo, client: EngineClient, own: Sequence[Template] = ()
) -> tuple[Dressed, int]:
    """The text of the whole conversation, and how many of its oldest messages had no room in it.

    `prompt` is the plan's without its tags; `own` are the user's templates. The system message and the prompt are
    always kept. Raises TemplateError.
    """

    def dressed(dropped: int = 0) -> Dressed:
        wish = Wish(
            prompt=prompt,
            template=plan.template or None,
            input=plan.input,
            system=plan.system,
            before=plan.before[dropped:],
            start=plan.start,
        )
        return dress(wish, info.has_template, lambda rows: client.render(rows).result(), own)

    def fits(text: str) -> bool:
        # A token stands for a byte at least, so that a short conversation needs no counting.
        return len(text.encode("utf-8", "replace")) <= room or client.count_tokens(text).result() <= room

    room = info.context_length - min(plan.max_new_tokens, info.context_length // RESERVED)
    whole = dressed()
    try:
        if not plan.before or not info.context_length or fits(whole.text):
            return whole, 0
        dropped = fewest_dropped(plan.before, lambda count: fits(dressed(count).text))
    except EngineGone:
        raise
    except JobFailed:
        return whole, 0  # the loader can't count; if it is too long, the engine says so
    return dressed(dropped), dropped


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
        reuse_cache=not plan.fresh,
    )


class Taken:
    """What has come of an answer: its text, its tokens, and the stacks that made them."""

    def __init__(self, stack_now: Callable[[], Rows]) -> None:
        """`stack_now` tells what the engine has granted last."""
        self._stack_now = stack_now
        self._text: list[str] = []
        self._tokens: list[int] = []
        self._cached = 0
        self._segments = [Segment(0, stack_now())]

    def take(self, chunk: Chunk) -> None:
        """A piece came. A stack that is seen here for the first time has made none of the tokens before."""
        stack = self._stack_now()
        if stack != self._segments[-1].stack:
            self._segments.append(Segment(len(self._tokens), stack))
        self._text.append(chunk.text)
        self._tokens += chunk.tokens
        self._cached += chunk.cached_tokens

    def side(self, result: GenerateResult | None) -> Side:
        """The record of the answer; without a result it was stopped or lost."""
        text, tokens = "".join(self._text), tuple(self._tokens)
        if result is None:
            stack, segments = parts_of(self._segments[0].stack, self._segments, len(tokens))
            return Side(
                text=text,
                tokens=len(tokens),
                finish_reason="cancelled",
                segments=segments,
                token_ids=tokens,
                stack=stack,
                cached_tokens=self._cached,
            )
        return Side(
            text=text,
            tokens=result.generated_tokens,
            prompt_tokens=result.prompt_tokens,
            tokens_per_second=result.tokens_per_second,
            prompt_seconds=result.prompt_seconds,
            finish_reason=result.finish_reason,
            segments=result.segments,
            token_ids=tokens,
            stack=result.stack,
            mode=result.mode,
            cached_tokens=self._cached,
        )
