"""Between a conversation and what the engine is asked: plans from messages, facts from answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from desktop.api import Message
from desktop.library.conversation import Conversation, ReplyFacts, Turn, append, change, new_conversation, path_of
from desktop.prompting.lora_tags import read_tags

from .plans import Answer, PromptPlan


def before_of(path: Sequence[Turn]) -> tuple[Message, ...]:
    """The messages as they are sent, in turns: without tags, and without what was never answered."""
    sent: list[Message] = []
    asked: list[str] = []
    for turn in path:
        if turn.role == "user":
            asked = [read_tags(turn.text).text]
        elif turn.text and asked:
            sent += [Message("user", asked.pop()), Message("assistant", turn.text)]
        elif turn.text and sent:
            # Two replies in a row, which only an imported conversation has.
            sent[-1] = Message("assistant", f"{sent[-1].content}\n\n{turn.text}")
    return tuple(sent)


def plan_for(plan: PromptPlan, path: Sequence[Turn], *, start: str = "") -> PromptPlan:
    """The plan with the messages up to the user's last one, which is its prompt."""
    return msgspec.structs.replace(plan, prompt=path[-1].text, before=before_of(path[:-1]), start=start)


def place_for(conversation: Conversation, plan: PromptPlan) -> str:
    """The message whose text and past a plan has, which its answer follows; empty where there is none."""
    for turn in reversed(conversation.turns):
        if turn.role == "user" and turn.text == plan.prompt:
            before = before_of(path_of(conversation, turn.parent)) if turn.parent else ()
            if before == plan.before or (plan.before and before[-len(plan.before) :] == plan.before):
                return turn.id
    return ""


def facts_of(answer: Answer, versions: Mapping[str, str], earlier: ReplyFacts | None = None) -> ReplyFacts:
    """What is kept of how a reply was made; of one that went on, the tokens of both parts."""
    side = answer.with_stack
    return ReplyFacts(
        reply_id=answer.id,
        model=answer.model,
        template=answer.template,
        seed=answer.seed,
        sampling=answer.plan.sampling,
        stack=side.stack or answer.stack,
        mode=side.mode,
        versions=dict(versions),
        tokens=side.tokens + (earlier.tokens if earlier else 0),
        prompt_tokens=max(side.prompt_tokens - (earlier.tokens if earlier else 0), 0),
        tokens_per_second=side.tokens_per_second,
        finish_reason=side.finish_reason,
        changed_at=tuple(segment.first_token for segment in side.segments[1:]),
        dropped=answer.dropped,
        base=answer.base.text if answer.base is not None else None,
        problem=answer.problem,
        note=answer.note,
    )


def with_plan_of(conversation: Conversation, plan: PromptPlan, kept: tuple[str, str]) -> Conversation:
    """The conversation with how it is answered now; `kept` is the input and the system message. The same if it is."""
    new = {
        "input": kept[0],
        "system": kept[1],
        "template": plan.template,
        "sampling": plan.sampling,
        "max_new_tokens": plan.max_new_tokens,
        "stop": plan.stop,
    }
    differs = any(getattr(conversation, name) != value for name, value in new.items())
    return change(conversation, **new) if differs else conversation


def plan_of_conversation(conversation: Conversation) -> PromptPlan:
    """How it is answered."""
    return PromptPlan(
        prompt="",
        template=conversation.template,
        input=conversation.input,
        system=conversation.system,
        sampling=conversation.sampling,
        max_new_tokens=conversation.max_new_tokens,
        stop=conversation.stop,
    )


def conversation_of(answers: Sequence[Answer]) -> Conversation:
    """Prompts and answers that were kept one by one, as a conversation."""
    made = new_conversation()
    for answer in answers:
        made = append(made, "user", answer.plan.prompt)
        made = append(made, "assistant", answer.plan.start + answer.with_stack.text, facts=facts_of(answer, {}))
    return made
