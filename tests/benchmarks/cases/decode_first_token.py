"""Time to the first token of a conversation's fifth turn, over reading its whole prompt anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from desktop.api import Chunk, GenerateRequest, Message, Sampling
from desktop.engine.client import EngineClient
from tests.benchmarks.results import Result, by_turns, result
from tests.benchmarks.sides import engine, load, new_home
from tests.benchmarks.starter import starter_model

NAMES = ("decode.first_token",)
ROUNDS = 2
QUESTION = "Tell me more about the harbour, the ships in it, and the people who work there every day of the week. "
TURNS = 5
REPEATS = 14
"""Of the question in the first four turns; with them the fifth turn's prompt takes about 1,500 tokens."""
LEAST = 1400
"""Tokens of the prompt, so that the figure is about what it says."""
TOKENS = 16
"""Of each answer."""


def run(_: Sequence[str]) -> Iterator[Result]:
    """Four turns; then by turns the fifth right after the fourth, and the same prompt without what is kept."""
    path = starter_model()
    with new_home() as home, engine(home) as client:
        load(client, path)
        messages: list[Message] = []
        for turn in range(1, TURNS):
            messages.append(Message("user", f"{turn}. {QUESTION * REPEATS}"))
            fourth = tuple(messages)
            messages.append(Message("assistant", _ask(client, messages, TOKENS)[0]))
        fifth = (*messages, Message("user", f"{TURNS}. {QUESTION}"))

        def kept() -> float:
            _ask(client, fourth, TOKENS)
            return _ask(client, fifth, 1)[1]

        values, baselines = by_turns(ROUNDS, kept, lambda: _ask(client, fifth, 1, reuse=False)[1])
    yield result("decode.first_token", "s", values, baselines)


def _ask(client: EngineClient, messages: Sequence[Message], tokens: int, *, reuse: bool = True) -> tuple[str, float]:
    """The answer and the seconds to its first token."""
    request = GenerateRequest(
        prompt=client.render(messages).result(),
        add_special_tokens=False,
        sampling=Sampling(greedy=True),
        max_new_tokens=tokens,
        reuse_cache=reuse,
    )
    job = client.generate(request)
    text = "".join(event.text for event in job.events() if isinstance(event, Chunk))
    found = job.result()
    assert tokens > 1 or found.prompt_tokens >= LEAST, found.prompt_tokens
    return text, found.prompt_seconds
