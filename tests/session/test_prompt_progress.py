"""How far a long prompt has been read is told, and that the answer begins."""

from __future__ import annotations

from desktop.api import Chunk
from desktop.session.streaming import PromptProgress


def test_it_tells_how_far_the_prompt_is_and_when_the_answer_begins():
    told = []
    progress = PromptProgress(lambda words, share: told.append((words, share)))
    progress.take(Chunk(prompt_done=512, prompt_tokens=1500))
    progress.take(Chunk(text="a", tokens=(1,)))
    progress.take(Chunk(text="b", tokens=(2,)))
    assert told == [("Reading the prompt, 512 of 1,500 tokens", 512 / 1500), ("Answering", None)]
